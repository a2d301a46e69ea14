"""Accuracy of thinned models of the zoo, measured by real Caffe and kept on disk as it comes."""

from __future__ import annotations

import sys
import time
from typing import Dict, Iterable, List, NamedTuple

import numpy as np
from notebook import FOLDER, KNOWN_ONLY, Notebook
from zoo_data import ZooData

from netsurgery.calibration import Inputs
from netsurgery.calibration.measuring import Seen, Source, measure
from netsurgery.calibration.statistics import Statistics
from netsurgery.network.cost import total_cost
from netsurgery.network.model import load
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thin_budget import Budget
from netsurgery.planning.thinning import ThinWishes, plan_thin
from netsurgery.surgery import apply

IMAGES = 2000
"""Training images that calibrate."""


class Net(NamedTuple):
    """Files of the zoo that go together."""

    folder: str
    prototxt: str
    weights: str


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
    """

    net: str
    criterion: str
    wish: str = "macs"
    share: float = 1.0
    compensate: str = "none"


class Found(NamedTuple):
    """What came of it.

    Attributes:
        accuracy: On the test images.
        macs: Share of the MACs left.
        params: Share of the parameters left.
    """

    accuracy: float
    macs: float
    params: float


class Bench:
    """A net, with images to calibrate and others to judge by."""

    def __init__(self, net: Net, data: ZooData) -> None:
        file = data.zoo / net.folder / net.weights
        self.model = load(data.zoo / net.folder / net.prototxt, file)
        (value,) = self.model.network().inputs
        calibration = data.calibration(file, value.blob, IMAGES)
        judged = data.held_out(file, value.blob)
        assert calibration, f"no images for {net.folder}"
        assert judged, f"no images for {net.folder}"
        self.judged: Inputs = judged
        # Of the original the same is asked for every case, and of models between two edits little.
        self._statistics = Statistics(calibration, "caffe", cache=FOLDER / "statistics")

    def run(self, case: Case) -> Found:
        """Thin the net and run it."""
        model = self.model
        if case.criterion != "original":
            plan = plan_thin(model, _wishes(case), self._statistics)
            model = apply(model, plan, self._statistics)
        before, after = total_cost(self.model), total_cost(model)
        gauge = Collected(Source(model.network().outputs[0]))
        measure([model], self.judged, [gauge], "caffe")
        classes = gauge.array.reshape(len(self.judged), -1).argmax(axis=1)
        accuracy = float(np.mean(classes == self.judged.labels))
        return Found(accuracy, after.macs / before.macs, after.params / before.params)


def measure_all(cases: Iterable[Case], data: ZooData) -> Dict[Case, Found]:
    """Measure what is not known yet, in the order given, and return all that is known.

    Args:
        cases: What to measure.
        data: The images.
    """
    notebook = Notebook("thinning")
    benches: Dict[str, Bench] = {}
    found = {}
    for case in cases:
        known = notebook.get(case)
        if known is None and KNOWN_ONLY:
            continue
        if known is None:
            started = time.monotonic()
            if case.net not in benches:
                benches[case.net] = Bench(NETS[case.net], data)
            known = benches[case.net].run(case)
            notebook.add(case, known)
            took = time.monotonic() - started
            print(*case, *(f"{one:.4f}" for one in known), f"{took:.0f} s", file=sys.stderr)
        found[case] = Found(*known)
    return found


class Collected:
    """Gauge that keeps a value of all inputs, for small ones."""

    def __init__(self, source: Source) -> None:
        self.sources = (source,)
        self._parts: List[np.ndarray] = []

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        self._parts.append(seen[self.sources[0]].copy())

    @property
    def array(self) -> np.ndarray:
        """The value, all inputs along axis 0."""
        return np.concatenate(self._parts)


def _wishes(case: Case) -> ThinWishes:
    common = {"criterion": case.criterion, "compensate": case.compensate}
    if case.wish == "macs":
        return ThinWishes(budget=Budget(macs=case.share), **common)
    return ThinWishes([parse_rule("keep", str(case.share))], **common)
