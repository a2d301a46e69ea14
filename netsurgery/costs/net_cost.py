"""What a net costs in every currency a budget can be in."""

from __future__ import annotations

from math import prod
from typing import Collection, Dict, List, Optional, Sequence, Tuple

from netsurgery.costs.budget import BYTES, LATENCY, MACS, PARAMS, Cost
from netsurgery.costs.clock import Clock
from netsurgery.errors import PlanError
from netsurgery.linalg import Ranks, Tradeoff
from netsurgery.methods import LowRankMethod
from netsurgery.network import LayerCost, Model, borrowed_blobs, known_costs

FLOAT = 4
PIECE = {"caffemodel": 160, "hdf5": 3000}
"""Most bytes that a layer takes in a file of that format beside its numbers and its name."""


class NetCost:
    """The one model of costs: of a net, of its layers, and of what may stand in their place.

    The net is looked at once; what a change costs is worked out from the layers that it touches.
    `chains` prices low-rank forms of a layer, `ChannelCost` channels that go.

    Raises:
        NetworkError: A cost is not known, as a shape is not.

    Attributes:
        total: MACs, parameters and bytes of the weights file; seconds where there is a clock.
        macs: MACs of each layer by name, layers of one name added up.
        layers: What every layer costs.
        clock: Tells the time of layers; None if no budget is in time.
    """

    def __init__(
        self, model: Model, rois: Optional[int] = None, clock: Optional[Clock] = None
    ) -> None:
        self.model, self.clock = model, clock
        self.layers: List[LayerCost] = known_costs(model, rois)
        self.macs: Dict[str, float] = {}
        for cost in self.layers:
            name = cost.layer.name
            self.macs[name] = self.macs.get(name, 0) + (cost.macs or 0)
        self.total: Cost = {
            MACS: sum(cost.macs or 0 for cost in self.layers),
            PARAMS: sum(cost.params or 0 for cost in self.layers),
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

    def blobs(self, currencies: Collection[str]) -> Dict[Tuple[int, int], Cost]:
        """Return what falls to each blob, by the index of its layer and its own number.

        What a layer computes, and the time that it takes, falls to its first blob.

        Args:
            currencies: What is to be known.
        """
        borrowed = borrowed_blobs(self.model.network().shared_parameters)
        found: Dict[Tuple[int, int], Cost] = {}
        for cost in self.layers:
            index, name = cost.layer.index, cost.layer.name
            stored = self.model.blobs(name)
            for number, shape in enumerate(cost.blobs or ()):
                own = (index, number) not in borrowed
                blob = stored[number] if number < len(stored) else None
                found[index, number] = {
                    PARAMS: prod(shape) if own else 0,
                    BYTES: blob.itemsize * blob.count if blob else 0,
                }
            found.setdefault((index, 0), {})[MACS] = cost.macs or 0
        if LATENCY in currencies:
            self._add_times(found)
        return found

    def _add_times(self, found: Dict[Tuple[int, int], Cost]) -> None:
        """Time the layers that have blobs; alone they may take longer than together."""
        assert self.clock is not None
        seconds = {
            cost.layer.index: self.clock.layers(self.model, [cost.layer.name])
            for cost in self.layers
            if cost.macs
        }
        factor = min(1.0, self.total[LATENCY] / max(sum(seconds.values()), 1e-12))
        for index, alone in seconds.items():
            found[index, 0][LATENCY] = alone * factor

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
