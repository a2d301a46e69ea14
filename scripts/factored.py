"""Low-rank models of the zoo, to measure their accuracy: at uniform ranks, and by budget."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from accuracy import IMAGES, Found, Net, measure_all
from store import MeasurementStore
from zoo_data import ZooData

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.budgets.request import DEFAULT_METHODS, FOLD, THIN
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.linalg.tradeoff import Tradeoff
from netsurgery.methods import Edit, LowRankMethod, low_rank_method
from netsurgery.methods.pieces import new_names
from netsurgery.network.model import Model
from netsurgery.planning.plan import Plan, Skipped

FITTED = (
    *(f"methods/{name}.py" for name in ("channel_svd", "spatial_svd", "svd", "fitting", "refit")),
    *("methods/convolution.py", "methods/reconstruction_targets.py", "calibration/observers.py"),
    *(f"linalg/{name}.py" for name in ("svd", "responses", "rectified", "compensation")),
)
"""What of the package factors and fits layers at given ranks."""

PLANNED = (
    *FITTED,
    "budgets",
    "methods",
    "linalg",
    "planning",
    "network/scores.py",
    "criteria/surgeon.py",
)
"""What of the package chooses ranks and methods."""

HALF = 0.5
"""What is left of each layer's MACs at uniform ranks."""

NETS = {
    "cifar10_full_everpeace": Net(
        "cifar10_full_everpeace", "deploy.prototxt", "cifar10_full_iter_70000.caffemodel"
    ),
    "cifar10_quick_everpeace": Net(
        "cifar10_quick_everpeace", "deploy.prototxt", "cifar10_quick_iter_5000.caffemodel"
    ),
    "local_cifar10_convfc": Net(
        "local_cifar10_convfc", "deploy.prototxt", "local_cifar10_convfc.caffemodel"
    ),
    "resnet20_cifar10": Net("resnet20_cifar10", "deploy_derived.prototxt", "ResNet_20.caffemodel"),
    "cifar10_quick_h5": Net(
        "cifar10_quick_h5", "deploy.prototxt", "cifar10_quick_iter_4000.caffemodel"
    ),
    "cifar10_quick_h5 (HDF5)": Net(
        "cifar10_quick_h5", "deploy.prototxt", "cifar10_quick_iter_5000.caffemodel.h5"
    ),
    "cmsisnn_cifar10_m4 (HDF5)": Net(
        "cmsisnn_cifar10_m4", "deploy_derived.prototxt", "cifar10_m4_iter_70000.caffemodel.h5"
    ),
    "cmsisnn_cifar10_m4 (quantized)": Net(
        "cmsisnn_cifar10_m4",
        "deploy_derived.prototxt",
        "quantized_cifar10_m4_iter_70000.caffemodel",
    ),
    "cifar10_bn_graphopt": Net(
        "cifar10_bn_graphopt", "deploy_derived.prototxt", "model.caffemodel"
    ),
}


class Uniform(NamedTuple):
    """Every layer but the last at half its own MACs.

    Attributes:
        net: Its name.
        method: Of its convolutions; ``"original"`` leaves the net alone.
        fit: What factors are fitted to, where the method can; ``"relu"`` is ``"asymmetric"`` for
            layers that are not read by a ReLU alone.
        refit: Whether the last layer of each chain is fitted to the original afterwards.
    """

    net: str
    method: str
    fit: str = "none"
    refit: bool = False
    images = IMAGES

    def plan(self, model: Model, calibrator: Calibrator) -> Plan:
        """Return what to do to the net."""
        if self.method == "original":
            return Plan()
        rectified = _rectified(model)
        edits: List[Edit] = []
        left: List[Skipped] = []
        for layer, type_ in weighing_layers(model)[:-1]:
            chosen = self._method(model, layer, type_)
            rank = rank_for(chosen.tradeoff(model, layer), HALF)
            if rank is None:
                left.append(Skipped(layer, "no rank halves its MACs"))
                continue
            fit = "asymmetric" if self.fit == "relu" and layer not in rectified else self.fit
            edits += self._edits(model, layer, chosen, rank, fit)
        return Plan(tuple(edits), tuple(left))

    def _method(self, model: Model, layer: str, type_: str) -> LowRankMethod:
        """Return the method for a layer: a 1 x 1 kernel has no window that could be split."""
        if type_ == "InnerProduct":
            return low_rank_method("svd")
        pointwise = model.blobs(layer)[0].shape[2:] == (1, 1)
        return low_rank_method("channel_svd" if pointwise else self.method)

    def _edits(
        self, model: Model, layer: str, chosen: LowRankMethod, rank: int, fit: str
    ) -> List[Edit]:
        fitted = {"fit": fit} if fit != "none" and "fit" in chosen.options else {}
        edit = Edit(layer, chosen.name, {"rank": rank, **fitted})
        if not self.refit:
            return [edit]
        return [edit, Edit(new_names(model, edit, layer).layers[-1], "refit")]


class Planned(NamedTuple):
    """A net planned for a share of its MACs.

    Attributes:
        net: Its name.
        share: Of the MACs.
        score: What tells a form's loss; ``"energy"`` does without inputs altogether.
        refit: Whether layers behind the first change are fitted to the original.
        thin: Whether thinning is among the methods.
        fold: Whether BatchNorm is folded first.
    """

    net: str
    share: float
    score: str = "effect"
    refit: bool = True
    thin: bool = False
    fold: bool = False
    images = IMAGES

    def plan(self, model: Model, calibrator: Calibrator) -> Plan:
        """Return what to do to the net."""
        methods = (*DEFAULT_METHODS, *[THIN] * self.thin, *[FOLD] * self.fold)
        request = BudgetRequest(
            Budget(macs=self.share), methods, score=self.score, refit=self.refit
        )
        return plan_budget(model, request, None if self.score == "energy" else calibrator)


Case = Union[Uniform, Planned]


def measure_factored(cases: Sequence[Case], data: ZooData) -> Dict[Case, Found]:
    """Measure what is not known yet, in the order given, and return all that is known."""
    found: Dict[Case, Found] = {}
    for kind, name, code in ((Uniform, "uniform", FITTED), (Planned, "planned", PLANNED)):
        of_kind = [case for case in cases if isinstance(case, kind)]
        found.update(measure_all(of_kind, NETS, data, MeasurementStore(name, code)))
    return found


def weighing_layers(model: Model) -> List[Tuple[str, str]]:
    """Return name and type of each Convolution and InnerProduct, in the order of the net."""
    network = model.network()
    types = ("Convolution", "InnerProduct")
    return [(layer.name, layer.type) for layer in network.layers if layer.type in types]


def rank_for(tradeoff: Tradeoff, share: float) -> Optional[int]:
    """Return the largest rank whose form takes at most that share of the layer's MACs."""
    assert tradeoff.macs is not None
    (full,), macs = tradeoff.full, tradeoff.macs
    ranks = [rank for rank in range(1, full + 1) if macs.at((rank,)) <= share * macs.whole]
    return max(ranks, default=None)


def _rectified(model: Model) -> Set[str]:
    """Return the names of the layers that a ReLU alone reads."""
    network = model.network()
    readers = {layer.name: network.consumers(layer.tops[0]) for layer in network.layers}
    return {name for name, found in readers.items() if [one.type for one in found] == ["ReLU"]}


def has_batchnorm(net: Net, data: ZooData) -> bool:
    """Whether the net has layers to fold."""
    text = (data.zoo / net.folder / net.prototxt).read_text(encoding="utf-8")
    return "BatchNorm" in text
