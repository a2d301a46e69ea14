"""Nets of the zoo pruned to zeros, at once or while they are tuned, to measure their accuracy."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

from accuracy import Net
from store import FOLDER, MeasurementStore
from training_data import TrainingData, training_data
from tuning import LABELS, TRAINED, Found, Recipe, accuracy_of, found
from zoo_data import ZooData

from netsurgery.calibration.calibrator import Calibrator
from netsurgery.network import prunable
from netsurgery.pruning import CubicRamp, GradualPruning, Masking, close_weights
from netsurgery.saliency import saliency

SMALL, DEEP = "dns_lenet300100", "lenet_everpeace"
NETS = {
    net.folder: net
    for net in (
        Net(SMALL, "deploy_derived.prototxt", "caffe_lenet300100_original.caffemodel"),
        Net(DEEP, "deploy.prototxt", "lenet_iter_10000.caffemodel"),
    )
}
"""LeNet-300-100 and LeNet-5."""
ONCE, CUBIC = "once", "cubic"
IMAGES = 1000
"""Training images that calibrate the methods which look at some."""


class Case(NamedTuple):
    """A net, and how its weights close.

    Attributes:
        net: Its name.
        method: What says how much each weight matters.
        sparsity: Share of the weights of all layers together that becomes zero; biases stay.
        schedule: `ONCE` before it is tuned, or by a `CUBIC` ramp meanwhile.
    """

    net: str
    method: str
    sparsity: float
    schedule: str = ONCE


class SparseNet:
    """A net that is pruned in many ways."""

    def __init__(self, net: Net, data: ZooData) -> None:
        self.model = net.load(data.zoo)
        self.data: TrainingData = training_data(net, self.model, data)
        images = self.data.seen.spread(IMAGES)
        self._calibrator = Calibrator(
            images, "caffe", task_output=self.data.task_output, cache=FOLDER / "calibrator"
        )

    def accuracy(self) -> float:
        """Return that of the net as it is."""
        return accuracy_of(self.model, self.data.judged, self.data.task_output)

    def run(self, case: Case, recipe: Recipe) -> Found:
        """Prune and tune it."""
        model = self.model
        masking = Masking(saliency(case.method), prunable(model))
        if case.schedule == CUBIC:
            hook = GradualPruning(model, masking, CubicRamp(case.sparsity, recipe.steps))
            return found(case, model, model, self.data, recipe, hooks=[hook])
        closed = close_weights(model, masking, case.sparsity, calibrator=self._calibrator)
        return found(case, closed.model, model, self.data, recipe, masks=closed.masks)


class SparseBench:
    """Nets that are loaded when something of them is not known yet."""

    def __init__(self, nets: Dict[str, Net], data: ZooData, name: str) -> None:
        """Take what is measured.

        Args:
            nets: Where nets are, by name.
            data: The images.
            name: Of the figures that are kept: one file a method, as a method's figures depend on
                no other's code.
        """
        self._nets, self._data, self._name = nets, data, name
        self._loaded: Dict[str, SparseNet] = {}
        self._originals = MeasurementStore(f"{name}-original", ("engine/workers/caffe_worker.py",))
        self._stores: Dict[str, MeasurementStore] = {}

    def measure(self, case: Case, recipe: Recipe) -> None:
        """Find out what is not known of a case, and of its net."""
        if self.known(case, recipe) is not None:
            return
        if case.net not in self._loaded:
            self._loaded[case.net] = SparseNet(self._nets[case.net], self._data)
        net = self._loaded[case.net]
        if self.original(case.net) is None:
            self._originals.add([case.net], net.accuracy())
        self._store(case.method).add([*case, *recipe], net.run(case, recipe))

    def known(self, case: Case, recipe: Recipe) -> Optional[Found]:
        """Return what is known of a case."""
        got = self._store(case.method).get([*case, *recipe])
        return None if got is None else Found(*got)

    def original(self, net: str) -> Optional[float]:
        """Return the accuracy of a net as it is, if it is known."""
        accuracy: Optional[float] = self._originals.get([net])
        return accuracy

    def _store(self, method: str) -> MeasurementStore:
        if method not in self._stores:
            code = (*TRAINED, f"saliency/{method}.py", "linalg/sparsity.py")
            self._stores[method] = MeasurementStore(f"{self._name}-{method}", code)
        return self._stores[method]


def recipe_of(steps: int, rate: float) -> Recipe:
    """Return how a net of MNIST is tuned: all the way, with few images kept aside."""
    return Recipe(LABELS, steps, rate, hold_out=0.05, keep_best=False)
