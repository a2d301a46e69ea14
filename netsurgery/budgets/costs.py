"""What a net costs in every currency a budget can be in."""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Sequence

from netsurgery.budgets.clock import Clock
from netsurgery.errors import PlanError
from netsurgery.linalg import Ranks, Tradeoff
from netsurgery.methods import LowRankMethod
from netsurgery.network import Model, known_costs
from netsurgery.planning import how_to_say, parse_number, parse_share

MACS, PARAMS, BYTES, LATENCY = "macs", "params", "bytes", "latency"
CURRENCIES = (MACS, PARAMS, BYTES, LATENCY)
FLOAT = 4
PIECE = {"caffemodel": 160, "hdf5": 3000}
"""Most bytes that a layer takes in a file of that format beside its numbers and its name."""

Cost = Dict[str, float]


class NetCost:
    """The cost of a net, and of its layers.

    Raises:
        NetworkError: A cost is not known, as a shape is not.

    Attributes:
        total: MACs, parameters and bytes of the weights file.
        macs: MACs of each layer by name, layers of one name added up.
        clock: Tells the time of layers; None if no budget is in time.
    """

    def __init__(
        self, model: Model, rois: Optional[int] = None, clock: Optional[Clock] = None
    ) -> None:
        self.model, self.clock = model, clock
        counted = known_costs(model, rois)
        self.macs: Dict[str, float] = {}
        for cost in counted:
            name = cost.layer.name
            self.macs[name] = self.macs.get(name, 0) + (cost.macs or 0)
        self.total: Cost = {
            MACS: sum(cost.macs or 0 for cost in counted),
            PARAMS: sum(cost.params or 0 for cost in counted),
            BYTES: model.weights.size() if model.weights else 0,
        }
        if clock is not None:
            self.total[LATENCY] = clock.whole(model)

    def whole(self, names: Sequence[str], tradeoff: Tradeoff) -> Cost:
        """Return what layers that share their weights cost as they are."""
        count = tradeoff.weights.whole
        found: Cost = {
            MACS: sum(self.macs.get(name, 0) for name in names),
            PARAMS: count,
            BYTES: sum(self._stored(name) for name in names),
        }
        if self.clock is not None:
            found[LATENCY] = self.clock.layers(self.model, names)
        return found

    def chain(
        self, names: Sequence[str], chosen: LowRankMethod, tradeoff: Tradeoff, ranks: Ranks
    ) -> Cost:
        """Return what the chains cost that come in their place, but for their time.

        Raises:
            PlanError: Their MACs are not known.
        """
        if tradeoff.macs is None or not tradeoff.macs.whole:
            problem = "what it computes is not known, as the net's shapes are not"
            raise PlanError(problem, layer=names[0])
        # A number of regions scales a layer and its chain alike.
        share = tradeoff.macs.at(ranks) / tradeoff.macs.whole
        count = int(tradeoff.weights.at(ranks))
        return {
            MACS: share * sum(self.macs.get(name, 0) for name in names),
            PARAMS: count,
            BYTES: sum(self._written(name, count, chosen.length) for name in names),
        }

    def chains(
        self,
        names: Sequence[str],
        chosen: LowRankMethod,
        tradeoff: Tradeoff,
        ranks: Sequence[Ranks],
    ) -> List[Cost]:
        """Return what the chains of a method cost at each of some ranks.

        Raises:
            PlanError: That cannot be told.
        """
        found = [self.chain(names, chosen, tradeoff, one) for one in ranks]
        if self.clock is not None:
            seconds = self.clock.chains(self.model, names, chosen, tradeoff, ranks)
            for cost, took in zip(found, seconds):
                cost[LATENCY] = float(took)
        return found

    def _stored(self, name: str) -> int:
        """Bytes of all that the file holds of a layer, which may be in half or in double."""
        weights = self.model.weights
        if weights is None or name not in weights:
            return 0
        return int(self.total[BYTES]) - weights.replace({name: []}).size()

    def _written(self, name: str, count: int, pieces: int) -> int:
        """The most bytes that a chain of so many layers and weights takes, its bias included."""
        blobs, weights = self.model.blobs(name), self.model.weights
        if not blobs or weights is None:
            return 0
        piece = PIECE[weights.format]
        # In float16 stays what float16 holds; what it does not is known when it is made.
        first, *others = (min(FLOAT, blob.itemsize) for blob in blobs)
        biases = sum(size * blob.count for size, blob in zip(others, blobs[1:]))
        return first * count + biases + pieces * (piece + len(name.encode()))


def parse_bytes(text: str) -> float:
    """Read a size: ``20MB``, ``600kB``, ``12345``, or a share of the file: ``0.5`` or ``50%``.

    Raises:
        PlanError: It is no size.
    """
    if text.strip().endswith("%"):
        share = parse_share(text, "a share of a file")
        if share:
            return share
    plain = parse_number(text)
    if plain is not None and plain > 1 and plain % 1:
        raise PlanError(f"{text} bytes is no size of a file", remedy=how_to_say(plain))
    found = re.fullmatch(r"([0-9.]+)\s*([kmg]?i?b?)", text.strip().lower())
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        number = 0.0
    if found is None or number <= 0 or found[2] in ("i", "ib"):
        remedy = "write 20MB, 600kB, or a share: 0.5 or 50%"
        raise PlanError(f"{text!r} is no size of a file", remedy=remedy)
    base = 1024 if "i" in found[2] else 1000
    power = " kmg".index(found[2][0]) if found[2].strip("ib") else 0
    return number * base**power
