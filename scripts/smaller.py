"""Nets of CIFAR-10 at shares of their MACs, by the planner and by thinning, kept as pairs."""

from __future__ import annotations

import sys
import time
from typing import Callable, Dict, NamedTuple

from accuracy import IMAGES, Net
from store import FOLDER
from zoo_data import ZooData

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.network.model import Model, load
from netsurgery.planning.plan import Plan
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.surgery import apply

NETS: Dict[str, Net] = {
    net.folder: net
    for net in (
        Net("cifar10_quick_everpeace", "deploy.prototxt", "cifar10_quick_iter_5000.caffemodel"),
        Net("cifar10_full_everpeace", "deploy.prototxt", "cifar10_full_iter_70000.caffemodel"),
        Net("resnet20_cifar10", "deploy_derived.prototxt", "ResNet_20.caffemodel"),
        Net("local_cifar10_convfc", "deploy.prototxt", "local_cifar10_convfc.caffemodel"),
    )
}
PLANNER, THIN = "planner", "thin"


class Smaller(NamedTuple):
    """A net at a share of its MACs.

    Attributes:
        net: Its name among `NETS`.
        way: `PLANNER` or `THIN`.
        share: Of the MACs.
    """

    net: str
    way: str
    share: float

    def plan(self, model: Model, calibrator: Calibrator) -> Plan:
        """Return how it becomes smaller."""
        budget = Budget(macs=self.share)
        if self.way == THIN:
            return plan_thin(model, ThinSpec(budget=budget), calibrator)
        return plan_budget(model, BudgetRequest(budget), calibrator)


def smaller(case: Smaller, data: ZooData) -> Model:
    """Return the smaller net, untuned; it is made once, and read where it is kept later.

    Args:
        case: Which one.
        data: The images, of which some training ones calibrate.
    """

    def make() -> Model:
        started, net = time.monotonic(), NETS[case.net]
        model = net.load(data.zoo)
        (value,) = model.network().inputs
        images = data.calibration(data.zoo / net.folder / net.weights, value.blob, IMAGES)
        assert images, f"no images for {case.net}"
        calibrator = Calibrator(images, "caffe", cache=FOLDER / "calibrator")
        made = apply(model, case.plan(model, calibrator), calibrator)
        print(*case, f"made in {time.monotonic() - started:.0f} s", file=sys.stderr)
        return made

    return made_once(f"{case.net}-{case.way}-{case.share:g}", make)


def made_once(name: str, make: Callable[[], Model]) -> Model:
    """Return a net from the pair that is kept of it; where there is none yet, one is written.

    Args:
        name: What tells the net from others.
        make: Makes it.
    """
    folder = FOLDER / "nets" / name
    text, weights = folder / "deploy.prototxt", folder / "net.caffemodel"
    if not weights.exists():
        made = make()
        folder.mkdir(parents=True, exist_ok=True)
        made.save(text, weights)
    return load(text, weights)
