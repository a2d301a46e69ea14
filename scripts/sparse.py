"""Nets of the zoo pruned to zeros, at once or while they are tuned, to measure their accuracy."""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple, Optional, Tuple

import numpy as np
from accuracy import Net
from store import FOLDER, MeasurementStore
from training_data import TrainingData, training_data, with_judges_of_seen
from tuning import LABELS, TRAINED, Found, Recipe, accuracy_of, found
from zoo_data import ZooData

from netsurgery.calibration.calibrator import Calibrator
from netsurgery.network import Masks, ParameterKey, prunable
from netsurgery.pruning import CubicRamp, DynamicSurgery, GradualPruning, Masking, close_weights
from netsurgery.pruning.schedule import RAMP
from netsurgery.saliency import PrunableNet, Saliency, saliency

SMALL, DEEP = "dns_lenet300100", "lenet_everpeace"
NETS = {
    net.folder: net
    for net in (
        Net(SMALL, "deploy_derived.prototxt", "caffe_lenet300100_original.caffemodel"),
        Net(DEEP, "deploy.prototxt", "lenet_iter_10000.caffemodel"),
    )
}
"""LeNet-300-100 and LeNet-5."""
ONCE, CUBIC, DYNAMIC = "once", "cubic", "dynamic"
IMAGES = 1000
"""Training images that calibrate the methods which look at some."""
_CODE = {ONCE: (), CUBIC: ("pruning/schedule.py",), DYNAMIC: ("pruning/schedule.py",)}
"""What says how many close when."""


class Case(NamedTuple):
    """A net, and how its weights close.

    Attributes:
        net: Its name.
        method: What says how much each weight matters.
        sparsity: Share of the weights of all layers together that becomes zero; biases stay.
        schedule: `ONCE` before it is tuned, or meanwhile: by a `CUBIC` ramp, or `DYNAMIC`, where a
            weight may come back.
        ramp: The share of the steps in which a `CUBIC` one rises.
    """

    net: str
    method: str
    sparsity: float
    schedule: str = ONCE
    ramp: float = RAMP


class _Scored(Saliency):
    """A saliency whose scores are worked out once, of a net that stays as it is."""

    def __init__(self, one: Saliency) -> None:
        self._one = one
        self.name, self.needs, self.source = one.name, one.needs, one.source
        self.comparable, self.takes = one.comparable, one.takes
        self._scores: Optional[Dict[ParameterKey, np.ndarray]] = None

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        if self._scores is None:
            self._scores = self._one.scores(net)
        return self._scores

    def solve(self, net: PrunableNet, masks: Masks) -> Dict[ParameterKey, np.ndarray]:
        return self._one.solve(net, masks)


class SparseNet:
    """A net that is pruned in many ways."""

    def __init__(self, net: Net, data: ZooData, judged_by_seen: bool) -> None:
        self.model = net.load(data.zoo)
        self.data: TrainingData = training_data(net, self.model, data)
        # States of one are none of the other, which is tuned on other images.
        self._apart = ("judged by seen",) if judged_by_seen else ()
        if judged_by_seen:
            self.data = with_judges_of_seen(self.data)
        images = self.data.seen.spread(IMAGES)
        self._calibrator = Calibrator(
            images, "caffe", task_output=self.data.task_output, cache=FOLDER / "calibrator"
        )
        self._scored: Dict[str, Saliency] = {}

    def accuracy(self) -> float:
        """Return that of the net as it is."""
        return accuracy_of(self.model, self.data.judged, self.data.task_output)

    def run(self, case: Case, recipe: Recipe) -> Found:
        """Prune and tune it."""
        model, key = self.model, (*case, *self._apart)
        if case.schedule != ONCE:
            masking = Masking(saliency(case.method), prunable(model))
            pruning = GradualPruning if case.schedule == CUBIC else DynamicSurgery
            ramp = CubicRamp(case.sparsity, recipe.steps, ramp=case.ramp)
            hook = pruning(model, masking, ramp)
            return found(key, model, model, self.data, recipe, hooks=[hook])
        if case.method not in self._scored:
            self._scored[case.method] = _Scored(saliency(case.method))
        masking = Masking(self._scored[case.method], prunable(model))
        closed = close_weights(model, masking, case.sparsity, calibrator=self._calibrator)
        return found(key, closed.model, model, self.data, recipe, masks=closed.masks)


class SparseBench:
    """Nets that are loaded when something of them is not known yet."""

    def __init__(
        self, nets: Mapping[str, Net], data: ZooData, name: str, judged_by_seen: bool = False
    ) -> None:
        """Take what is measured.

        Args:
            nets: Where nets are, by name.
            data: The images.
            name: Of the figures that are kept: one file a method and schedule, as their figures
                depend on no other's code.
            judged_by_seen: Whether a part of the training images judges, on which nets are not
                trained then: to choose by.
        """
        self._nets, self._data, self._name = nets, data, name
        self._judged_by_seen = judged_by_seen
        self._loaded: Dict[str, SparseNet] = {}
        self._originals = MeasurementStore(f"{name}-original", ("engine/workers/caffe_worker.py",))
        self._stores: Dict[Tuple[str, str], MeasurementStore] = {}

    def measure(self, case: Case, recipe: Recipe) -> None:
        """Find out what is not known of a case, and of its net."""
        if self.known(case, recipe) is not None:
            return
        if case.net not in self._loaded:
            net = self._nets[case.net]
            self._loaded[case.net] = SparseNet(net, self._data, self._judged_by_seen)
        loaded = self._loaded[case.net]
        if self.original(case.net) is None:
            self._originals.add([case.net], loaded.accuracy())
        self.store(case).add([*case, *recipe], loaded.run(case, recipe))

    def known(self, case: Case, recipe: Recipe) -> Optional[Found]:
        """Return what is known of a case."""
        got = self.store(case).get([*case, *recipe])
        return None if got is None else Found(*got)

    def original(self, net: str) -> Optional[float]:
        """Return the accuracy of a net as it is, if it is known."""
        accuracy: Optional[float] = self._originals.get([net])
        return accuracy

    def store(self, case: Case) -> MeasurementStore:
        """Return where the figures of a case are kept."""
        kind = case.method, case.schedule
        if kind not in self._stores:
            code = (*TRAINED, f"saliency/{case.method}.py", "linalg/sparsity.py")
            name = "-".join((self._name, *kind))
            self._stores[kind] = MeasurementStore(name, (*code, *_CODE[case.schedule]))
        return self._stores[kind]


def recipe_of(steps: int, rate: float, batch: int = 64, taught: str = LABELS) -> Recipe:
    """Return how a pruned net is tuned: all the way, with few images kept aside."""
    return Recipe(taught, steps, rate, batch, hold_out=0.05, keep_best=False)
