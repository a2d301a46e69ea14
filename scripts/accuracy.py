"""Accuracy of rewritten models of the zoo, measured by real Caffe and kept on disk as it comes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, NamedTuple, Protocol, Tuple, TypeVar

import numpy as np
from store import FOLDER, KNOWN_ONLY, MeasurementStore
from zoo_data import ZooData

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.measuring import ObservedValue, Seen, measure
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model, load
from netsurgery.planning.plan import Plan
from netsurgery.surgery import apply

IMAGES = 2000
"""Training images that calibrate, where a case says nothing else."""


class Net(NamedTuple):
    """Files of the zoo that go together."""

    folder: str
    prototxt: str
    weights: str

    def load(self, zoo: Path) -> Model:
        """Return the net as it was published."""
        return load(zoo / self.folder / self.prototxt, zoo / self.folder / self.weights)


class Case(Protocol):
    """A way to make a net smaller: a tuple of what tells it from others."""

    @property
    def net(self) -> str:
        """Its name among the nets."""

    @property
    def images(self) -> int:
        """How many training images calibrate."""

    def plan(self, model: Model, calibrator: Calibrator) -> Plan:
        """Return what to do to the net."""


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

    def __init__(self, net: Net, data: ZooData, images: int) -> None:
        file = data.zoo / net.folder / net.weights
        self.model = net.load(data.zoo)
        (value,) = self.model.network().inputs
        calibration = data.calibration(file, value.blob, images)
        judged = data.held_out(file, value.blob)
        assert calibration, f"no images for {net.folder}"
        assert judged, f"no images for {net.folder}"
        self.judged: Inputs = judged
        # Of the original the same is asked for every case, and of models between two edits little.
        self._calibrator = Calibrator(calibration, "caffe", cache=FOLDER / "calibrator")

    def run(self, case: Case) -> Found:
        """Rewrite the net and run it."""
        plan = case.plan(self.model, self._calibrator)
        model = apply(self.model, plan, self._calibrator)
        before, after = total_cost(self.model), total_cost(model)
        observer = Collected(ObservedValue(model.network().outputs[0]))
        measure([model], self.judged, [observer], "caffe")
        classes = observer.array.reshape(len(self.judged), -1).argmax(axis=1)
        accuracy = float(np.mean(classes == self.judged.labels))
        return Found(accuracy, after.macs / before.macs, after.params / before.params)


AnyCase = TypeVar("AnyCase", bound=Case)


def measure_all(
    cases: Iterable[AnyCase], nets: Mapping[str, Net], data: ZooData, store: MeasurementStore
) -> Dict[AnyCase, Found]:
    """Measure what is not known yet, in the order given, and return all that is known.

    Args:
        cases: What to measure.
        nets: Where the nets are, by name.
        data: The images.
        store: What is known, and where it is written down.
    """
    benches: Dict[Tuple[str, int], Bench] = {}
    found = {}
    for case in cases:
        known = store.get(case)
        if known is None and KNOWN_ONLY:
            continue
        if known is None:
            started = time.monotonic()
            place = case.net, case.images
            if place not in benches:
                benches = {place: Bench(nets[case.net], data, case.images)}
            known = benches[place].run(case)
            store.add(case, known)
            took = time.monotonic() - started
            print(*case, *(f"{one:.4f}" for one in known), f"{took:.0f} s", file=sys.stderr)
        found[case] = Found(*known)
    return found


def cell(found: Mapping[AnyCase, Found], case: AnyCase) -> str:
    """Return an accuracy for a table; a dash where it is not known."""
    return f"{found[case].accuracy:.4f}" if case in found else "-"


class Collected:
    """Observer that keeps a value of all inputs, for small ones."""

    def __init__(self, source: ObservedValue) -> None:
        self.sources = (source,)
        self._parts: List[np.ndarray] = []

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        self._parts.append(seen[self.sources[0]].copy())

    @property
    def array(self) -> np.ndarray:
        """The value, all inputs along axis 0."""
        return np.concatenate(self._parts)
