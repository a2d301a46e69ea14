"""Thinned models of the zoo, to measure their accuracy."""

from __future__ import annotations

from typing import Dict, Iterable, NamedTuple

from accuracy import IMAGES, Found, Net, measure_all
from store import MeasurementStore
from zoo_data import ZooData

from netsurgery.calibration.calibrator import Calibrator
from netsurgery.costs import Budget
from netsurgery.network.model import Model
from netsurgery.planning.plan import Plan
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thinning import ThinSpec, plan_thin

CODE = (
    *("criteria", "planning/thinning.py", "planning/thin_budget.py"),
    *("planning/sensitivity.py", "methods/thin.py"),
    *("methods/reconstruction.py", "methods/refit.py", "methods/reconstruction_targets.py"),
    *("linalg/compensation.py", "linalg/elimination.py", "linalg/selection.py"),
)
"""What of the package chooses channels and fits layers."""

NETS = {
    net.folder: net
    for net in (
        Net("lenet_everpeace", "deploy.prototxt", "lenet_iter_10000.caffemodel"),
        Net("cifar10_full_everpeace", "deploy.prototxt", "cifar10_full_iter_70000.caffemodel"),
        Net("local_cifar10_convfc", "deploy.prototxt", "local_cifar10_convfc.caffemodel"),
        Net("resnet20_cifar10", "deploy_derived.prototxt", "ResNet_20.caffemodel"),
        Net("cifar10_quick_everpeace", "deploy.prototxt", "cifar10_quick_iter_5000.caffemodel"),
        Net("lenet_ethereon", "deploy.prototxt", "lenet_iter_10000.caffemodel"),
        Net("local_mnist_mlp_2048_1024", "deploy.prototxt", "local_mnist_mlp_2048_1024.caffemodel"),
    )
}


class Case(NamedTuple):
    """A way to thin a net.

    Attributes:
        net: Its folder in the zoo.
        criterion: Which channels stay; ``"original"`` for all.
        wish: ``"macs"``, one ranking for the whole net, or ``"keep"``, the same of every group.
        share: Of the MACs, or of the channels.
        compensate: How those that stay stand in for the others.
        images: How many training images calibrate.
    """

    net: str
    criterion: str
    wish: str = "macs"
    share: float = 1.0
    compensate: str = "none"
    images: int = IMAGES

    def plan(self, model: Model, calibrator: Calibrator) -> Plan:
        """Return what to do to the net."""
        if self.criterion == "original":
            return Plan()
        return plan_thin(model, _request(self), calibrator)


def measure_thinned(cases: Iterable[Case], data: ZooData) -> Dict[Case, Found]:
    """Measure what is not known yet, in the order given, and return all that is known."""
    return measure_all(cases, NETS, data, MeasurementStore("thinning", CODE))


def _request(case: Case) -> ThinSpec:
    common = {"criterion": case.criterion, "compensate": case.compensate}
    if case.wish == "macs":
        return ThinSpec(budget=Budget(macs=case.share), **common)
    return ThinSpec([parse_rule("keep", str(case.share))], **common)
