"""A net cut to a width, started from its own weights or from random ones, and trained."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
from accuracy import Net
from training_data import training_data
from tuning import Recipe, accuracy_of
from zoo_data import ZooData

from netsurgery.calibration import Inputs
from netsurgery.engine import TrainingSession
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.surgery import apply
from netsurgery.training import deployed_model, tune

WIDTH = 32
SOMP, L1, RANDOM = "somp-l1", "l1", "random weights"
_AT_ONCE = 500


class StartCurve(NamedTuple):
    """How a net did while it was trained.

    Attributes:
        steps: Iterations that were done.
        accuracies: On the images that judge, after each of these.
        aside: On the images kept aside, in the end: what a rate is chosen by.
    """

    steps: List[int]
    accuracies: List[float]
    aside: float


class _Watch:
    """Looks at a net's accuracy every few steps, and changes nothing."""

    settled_at = -1

    def __init__(self, judged: Inputs, every: int) -> None:
        self._judged, self._every = judged, every
        self.found: Dict[int, float] = {}

    def next_at(self, iteration: int) -> int:
        """Return the next step at which it looks."""
        return -(-iteration // self._every) * self._every

    def before(self, iteration: int, session: TrainingSession) -> None:
        """Look."""
        right = 0
        assert self._judged.labels is not None
        for first in range(0, len(self._judged), _AT_ONCE):
            part = np.s_[first : first + _AT_ONCE]
            inputs = {blob: array[part] for blob, array in self._judged.arrays.items()}
            scores = session.evaluate(inputs)[session.outputs[0]]
            classes = scores.reshape(len(scores), -1).argmax(axis=1)
            right += int(np.count_nonzero(classes == self._judged.labels[part]))
        self.found[iteration] = right / len(self._judged)


def thin(net: Net, data: ZooData, criterion: str) -> Model:
    """Return a net cut to the width by a criterion, with nothing to stand in for what went."""
    model = net.load(data.zoo)
    spec = ThinSpec(width=WIDTH, criterion=criterion, compensate="none")
    return apply(model, plan_thin(model, spec))


def drawn_anew(model: Model, seed: int) -> Model:
    """Return a net of the same sizes with random weights, as He et al. 2015 draw them.

    Args:
        model: The net.
        seed: Of the numbers.
    """
    random = np.random.RandomState(seed)
    arrays = {}
    for layer in model.network().layers:
        blobs = model.blobs(layer.name)
        if blobs:
            weights, *biases = blobs
            deviation = np.sqrt(2 / (weights.count / weights.shape[0]))
            drawn = random.normal(scale=deviation, size=weights.shape).astype(np.float32)
            arrays[layer.name] = [drawn, *(np.zeros(one.shape, np.float32) for one in biases)]
    return deployed_model(model, arrays)


def trained(net: Net, start: str, recipe: Recipe, every: int, data: ZooData) -> StartCurve:
    """Train the thin net and tell how it does on the way.

    Args:
        net: The net that is cut.
        start: `SOMP`, `L1`, or `RANDOM`.
        recipe: How.
        every: Steps from one look to the next.
        data: The images.
    """
    began = time.monotonic()
    model = thin(net, data, L1 if start == RANDOM else start)
    if start == RANDOM:
        model = drawn_anew(model, recipe.seed)
    images = training_data(net, net.load(data.zoo), data)
    watch = _Watch(images.judged, every)
    # Nothing is left of a run that was stopped, as what was seen on the way is not in its states.
    with tempfile.TemporaryDirectory() as folder:
        how = recipe.settings(images)
        done = tune(model, None, images.seen, how, Path(folder), hooks=[watch])
    watch.found[recipe.steps] = accuracy_of(done.model, images.judged)
    aside = float(done.trained.history[-1].judged.figures["accuracy"])
    took = time.monotonic() - began
    print(
        net.folder,
        start,
        *recipe,
        f"{watch.found[recipe.steps]:.4f}",
        f"{took:.0f} s",
        file=sys.stderr,
    )
    return StartCurve(list(watch.found), list(watch.found.values()), aside)


def what_is_left(net: Net, data: ZooData) -> List[float]:
    """Return the shares of the MACs and of the weights that the thin net has."""
    before, after = total_cost(net.load(data.zoo)), total_cost(thin(net, data, L1))
    assert before.macs, "shapes are known"
    assert after.macs, "shapes are known"
    assert before.params, "there are weights"
    assert after.params, "there are weights"
    return [after.macs / before.macs, after.params / before.params]


def original_accuracy(net: Net, data: ZooData) -> float:
    """Return that of a net as it is."""
    model = net.load(data.zoo)
    return accuracy_of(model, training_data(net, model, data).judged)
