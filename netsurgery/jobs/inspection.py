"""What a model is made of: what each layer is, costs, and could save."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Mapping, Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError, PlanError
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.job_request import JobRequest
from netsurgery.jobs.models import ModelLike, open_model_like
from netsurgery.jobs.names import names_of
from netsurgery.jobs.workload import Workload
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
from netsurgery.progress import Progress, ProgressLike, Timing
from netsurgery.validation import validated

_BARS = "▁▂▃▄▅▆▇█"
_SKETCH_WIDTH = 12
# The method whose pair stands for what a low rank saves, for either type of layer.
_SHOWN = ("svd", "channel_svd")


@dataclass(frozen=True)
class InspectRequest(JobRequest):
    """How to look at a model.

    Attributes:
        rois: Number of regions of interest.
        phase: ``"TEST"`` or ``"TRAIN"``, of the net: layers may be in one of them alone.
        level: Level of the net state.
        stages: Stages of the net state.
        spectra: Compute singular values, which takes a while for big layers.
    """

    rois: Optional[int] = None
    phase: str = "TEST"
    level: int = 0
    stages: Sequence[str] = ()
    spectra: bool = True


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
        timings: Where the time went.
    """

    name: str
    layers: Sequence[LayerCost]
    low_rank: Mapping[str, LowRankFacts]
    totals: Totals
    regions: tuple[Optional[int], Optional[int]]
    misfits: Sequence[Finding] = ()
    unknown: Optional[NetworkError] = None
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

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


@validated
def inspect(
    model: ModelLike, request: Optional[InspectRequest] = None, progress: ProgressLike = None
) -> Inspection:
    """Look at every layer of a model.

    Args:
        model: The network, with or without weights, or its files.
        request: How to look at it.
        progress: Told each layer whose singular values are computed.

    Raises:
        RequestError: There is no such phase.
        FormatError: A file is not what it should be.
        NetworkError: Caffe would refuse the network.
    """
    request = request or InspectRequest()
    refuse_contradictions("inspect", request)
    state = request.phase, request.level, names_of(request.stages)
    progress, model = Progress.of(progress), open_model_like(model, *state)
    with progress.task("shapes and costs"):
        network = model.network(*state)
        shapes = infer_shapes(network, None, request.rois, model.weights)
        costs = count_cost(network, shapes, model)
    wanted = request.spectra and model.weights is not None
    spectra = Workload.of(model).spectra if wanted else 0.0
    with told_beforehand(progress, "inspect", {("spectra",): spectra}, None):
        low_rank = _low_rank(model, network, progress) if wanted else {}
    done = Inspection(
        network.name,
        costs,
        low_rank,
        sum_up(costs, bytes_of(network.legacy_inputs, shapes), peak_bytes(network, shapes)),
        cost_of_regions(model, network),
        find_misfits(model, network.phase),
        unknown_reason(network, shapes),
    )
    return replace(done, timings=progress.timings)


def sketch(values: np.ndarray, width: int = _SKETCH_WIDTH) -> str:
    """Draw falling singular values as bars, the largest at full height."""
    if not len(values) or values[0] <= 0:
        return ""
    places = np.linspace(0, len(values) - 1, min(width, len(values))).round().astype(int)
    heights = (values[places] / values[0] * (len(_BARS) - 1)).round().astype(int)
    return "".join(_BARS[height] for height in heights)


def _low_rank(model: Model, network: Network, progress: Progress) -> dict[str, LowRankFacts]:
    found: dict[str, LowRankFacts] = {}
    methods = [low_rank_method(name) for name in _SHOWN]
    taken = [
        (layer, method)
        for layer in network.layers
        for method in methods
        if method.takes(layer.layer_type)
    ]
    for layer, method in progress.each(taken, "spectra", "layers", lambda one: one[0].name):
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
