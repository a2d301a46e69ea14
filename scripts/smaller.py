"""Nets of CIFAR-10 at shares of their MACs, made in three ways, and kept as pairs."""

from __future__ import annotations

import sys
import time
from typing import Callable, Dict, NamedTuple

from accuracy import IMAGES, Net
from store import FOLDER
from training_data import training_data
from tuning import TEACHER, Recipe, run_folder
from zoo_data import ZooData

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.criteria import criterion
from netsurgery.jobs.channel_pruning import ChannelTask
from netsurgery.jobs.planning import BALANCED
from netsurgery.jobs.training_requests import Learning
from netsurgery.network.model import Model, load
from netsurgery.planning.plan import Plan
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.progress import silent
from netsurgery.pruning import ChannelRemoval
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
PLANNER, THIN, TAYLOR = "planner", "thin", "Taylor loop"
REMOVED, RANKED_BY = 16, 256
"""Channels that a round of the Taylor loop removes, and the images that rank them."""
ROUND = Recipe(TEACHER, steps=50, rate=1e-3, batch=100)
"""How it tunes in a round."""


class Smaller(NamedTuple):
    """A net at a share of its MACs.

    Attributes:
        net: Its name among `NETS`.
        way: `PLANNER`, `THIN` or `TAYLOR`.
        share: Of the MACs.
    """

    net: str
    way: str
    share: float

    def plan(self, model: Model, calibrator: Calibrator) -> Plan:
        """Return how it becomes smaller, where that is at once."""
        budget = Budget(macs=self.share)
        if self.way == THIN:
            return plan_thin(model, ThinSpec(budget=budget), calibrator)
        # As much of the singular values in either factor, as for all that is to be trained.
        return plan_budget(model, BudgetRequest(budget, options={"split": BALANCED}), calibrator)


def smaller(case: Smaller, data: ZooData) -> Model:
    """Return the smaller net, untuned; it is made once, and read where it is kept later.

    Args:
        case: Which one.
        data: The images, of which some training ones calibrate.
    """

    def make() -> Model:
        started = time.monotonic()
        model = NETS[case.net].load(data.zoo)
        made = (_in_rounds if case.way == TAYLOR else _at_once)(case, model, data)
        print(*case, f"made in {time.monotonic() - started:.0f} s", file=sys.stderr)
        return made

    return made_once("-".join([case.net, *case.way.split(), f"{case.share:g}"]), make)


def _at_once(case: Smaller, model: Model, data: ZooData) -> Model:
    net = NETS[case.net]
    (value,) = model.network().inputs
    images = data.calibration(data.zoo / net.folder / net.weights, value.blob, IMAGES)
    assert images, f"no images for {case.net}"
    calibrator = Calibrator(images, "caffe", cache=FOLDER / "calibrator")
    return apply(model, case.plan(model, calibrator), calibrator)


def _in_rounds(case: Smaller, model: Model, data: ZooData) -> Model:
    """The net behind the Taylor loop, tuned in its rounds by the original's answers."""
    images = training_data(NETS[case.net], model, data)
    learning = Learning(model, images.unlabelled, None, ROUND.settings(images), {}, "")
    removal = ChannelRemoval(criterion("taylor"), case.share, REMOVED, seed=ROUND.seed)
    task = ChannelTask(model, removal, RANKED_BY, learning, "caffe")
    with run_folder(f"taylor-{case.net}-{case.share:g}") as folder:
        return task.carry_out(folder, silent).model


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
