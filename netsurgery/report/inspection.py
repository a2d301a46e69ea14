"""What a model is made of: a table of layers with shapes, cost and compressibility."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Callable, Mapping, Optional, Sequence

import click
import numpy as np

from netsurgery.errors import NetworkError, PlanError
from netsurgery.linalg import Tradeoff
from netsurgery.methods import low_rank_method
from netsurgery.network import (
    Finding,
    LayerCost,
    Model,
    Network,
    Totals,
    bytes_of,
    cost_of_regions,
    count_cost,
    find_misfits,
    infer_shapes,
    peak_bytes,
    sum_up,
    unknown_reason,
)
from netsurgery.report.console import console, count, known, print_table, shape, share, size

_BARS = "▁▂▃▄▅▆▇█"
_SKETCH_WIDTH = 12
_WIDE = 150  # columns that the whole table takes
_COLUMNS = ("layer", "type", "blobs", "output", ">params", ">share", ">MACs", ">share")
# The method whose pair stands for what a low rank saves, for either type of layer.
_SHOWN = ("svd", "channel_svd")
_LEGEND = ("MACs", "breaks even", "energy there", "spectrum")
_LOW_RANK = (">breaks even", ">energy there", ">at half", ">at a quarter", "spectrum")


@dataclass(frozen=True)
class LowRankFacts:
    """What factoring a layer's weights could save.

    Attributes:
        method: The method, ``"svd"`` or ``"channel_svd"``.
        rows: Outputs of the weight matrix.
        columns: Its inputs; of all groups of a convolution.
        breakeven: Largest rank that makes the layer smaller.
        energies: Share of the energy kept at some ranks up to that one.
        sketch: The singular values as bars, relative to the largest.
    """

    method: str
    rows: int
    columns: int
    breakeven: int
    energies: Mapping[int, float]
    sketch: str


@dataclass(frozen=True)
class Inspection:
    """A model, layer by layer.

    Attributes:
        name: The net's name.
        layers: What each layer costs.
        low_rank: By layer name, what factoring could save.
        totals: The sums.
        regions: MACs that do not depend on the number of regions, and those of each region; None
            where they are not known.
        misfits: What says that the weights are not those of the prototxt. False where there is any.
        unknown: Why shapes are not known, of the first layer where they are not.
    """

    name: str
    layers: Sequence[LayerCost]
    low_rank: Mapping[str, LowRankFacts]
    totals: Totals
    regions: tuple[Optional[int], Optional[int]]
    misfits: Sequence[Finding] = ()
    unknown: Optional[NetworkError] = None

    def __bool__(self) -> bool:
        return not self.misfits

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "name": self.name,
            "layers": [self._layer(cost) for cost in self.layers],
            "totals": self.totals._asdict(),
            "macs_by_regions": {"fixed": self.regions[0], "each": self.regions[1]},
            "fits": bool(self),
            "misfits": [asdict(finding) for finding in self.misfits],
            "unknown": self.unknown and str(self.unknown),
        }

    def _layer(self, cost: LayerCost) -> dict[str, Any]:
        facts = self.low_rank.get(cost.layer.name)
        return {
            "name": cost.layer.name,
            "type": cost.layer.type,
            "blobs": cost.blobs,
            "tops": {str(top): dims for top, dims in zip(cost.layer.tops, cost.tops)},
            "params": cost.params,
            "macs": cost.macs,
            "activation_bytes": cost.activation_bytes,
            "low_rank": None if facts is None else vars(facts),
        }


def inspect_model(
    model: Model,
    network: Optional[Network] = None,
    *,
    inputs: Optional[Mapping[str, Sequence[int]]] = None,
    rois: Optional[int] = None,
    spectra: bool = True,
    progress: Callable[[str], None] = lambda step: None,
) -> Inspection:
    """Look at every layer of a model.

    Args:
        model: The network, with or without weights.
        network: Its graph, if not that of the TEST phase.
        inputs: Shapes of net inputs, where they differ from the prototxt's.
        rois: Number of regions of interest.
        spectra: Compute singular values, which takes a while for big layers.
        progress: Called with the name of each layer whose singular values are computed.

    Raises:
        NetworkError: Caffe would refuse the network.
    """
    network = network or model.network()
    shapes = infer_shapes(network, inputs, rois, model.weights)
    costs = count_cost(network, shapes, model)
    facts = _low_rank(model, network, progress) if spectra and model.weights else {}
    return Inspection(
        network.name,
        costs,
        facts,
        sum_up(costs, bytes_of(network.legacy_inputs, shapes), peak_bytes(network, shapes)),
        cost_of_regions(model, network, inputs),
        find_misfits(model, network.phase),
        unknown_reason(network, shapes),
    )


def print_inspection(done: Inspection) -> None:
    """Print the table of layers, the totals, and what depends on the number of regions."""
    totals = done.totals
    rows = [_row(cost, totals) for cost in done.layers]
    facts = [_facts_row(done.low_rank.get(cost.layer.name)) for cost in done.layers]
    if not done.low_rank:
        print_table(_COLUMNS, rows)
    elif console().width >= _WIDE:
        print_table(
            (*_COLUMNS, *_LOW_RANK),
            [row + more for row, more in zip(rows, facts)],
            legend=_LEGEND,
        )
    else:
        print_table(_COLUMNS, rows)
        named = [(row[0], *more) for row, more in zip(rows, facts) if more[0]]
        print_table(("layer", *_LOW_RANK), named, legend=_LEGEND)
    lines = [
        f"{known(totals.params)} parameters ({size(totals.params and 4 * totals.params)}), "
        f"{known(totals.macs)} MACs, {size(totals.activation_bytes)} of blobs "
        f"({size(totals.peak_bytes)} needed at once)"
    ]
    fixed, each = done.regions
    if fixed is not None and each:
        lines.append(f"MACs at n regions: {count(fixed)} + n * {count(each)}")
        lines += [
            f"  at {n} regions {share(n * each, fixed + n * each)} of them are behind the regions"
            for n in (300, 2000)
        ]
    if totals.unknown:
        lines.append(f"not known: what these cost: {', '.join(totals.unknown)}")
    if done.unknown:
        lines.append(f"no shape is known from here on: {done.unknown}")
    click.echo("\n".join(lines))


def sketch(values: np.ndarray, width: int = _SKETCH_WIDTH) -> str:
    """Draw falling singular values as bars, the largest at full height."""
    if not len(values) or values[0] <= 0:
        return ""
    places = np.linspace(0, len(values) - 1, min(width, len(values))).round().astype(int)
    heights = (values[places] / values[0] * (len(_BARS) - 1)).round().astype(int)
    return "".join(_BARS[height] for height in heights)


def _low_rank(
    model: Model, network: Network, progress: Callable[[str], None]
) -> dict[str, LowRankFacts]:
    found: dict[str, LowRankFacts] = {}
    methods = [low_rank_method(name) for name in _SHOWN]
    for number, layer in enumerate(network.layers, 1):
        for method in methods:
            if not method.takes(layer.type):
                continue
            progress(f"{layer.name}, {number} of {len(network.layers)} layers")
            try:
                found[layer.name] = _facts(method.name, method.tradeoff(model, layer.name))
            except PlanError:
                continue  # `netsurgery doctor` says what is wrong with it
    return found


def _facts(method: str, costs: Tradeoff) -> LowRankFacts:
    columns, rows = costs.weights.units
    (limit,) = costs.breakeven or (0,)
    ranks = {max(1, limit // part) for part in (1, 2, 4)} if limit else set()
    energies = {rank: float(f"{1.0 - costs.lost((rank,)):.6g}") for rank in sorted(ranks)}
    (values,) = costs.energies.spectra
    return LowRankFacts(method, rows, columns, limit, energies, sketch(values))


def _row(cost: LayerCost, totals: Totals) -> tuple[str, ...]:
    return (
        cost.layer.name,
        cost.layer.type,
        " ".join(map(shape, cost.blobs)) if cost.blobs else "",
        " ".join(map(shape, cost.tops)),
        count(cost.params) if cost.params else "",
        share(cost.params, totals.params) if cost.params else "",
        count(cost.macs) if cost.macs else "",
        share(cost.macs, totals.macs) if cost.macs else "",
    )


def _facts_row(facts: Optional[LowRankFacts]) -> tuple[str, ...]:
    if facts is None:
        return ("",) * len(_LOW_RANK)
    limit = facts.breakeven
    energies = [facts.energies.get(max(1, limit // part)) for part in (1, 2, 4)]
    shown = [f"{energy:.3f}" if energy is not None else "" for energy in energies]
    return (f"rank {limit}", *shown, facts.sketch)
