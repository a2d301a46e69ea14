"""Saliencies that look at gradients, where they are exact."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
from channel_choices import with_random_weights
from judged_nets import LINEAR, samples

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.errors import PlanError
from netsurgery.network import Model, prunable
from netsurgery.saliency import PrunableNet, saliency

LAST = ("cost", 0)


def linear_net() -> Tuple[PrunableNet, np.ndarray, np.ndarray]:
    """A net whose loss is twice its output; what its last layer reads, and its weights."""
    model, inputs = with_random_weights(LINEAR), samples(LINEAR, 20, None)
    weights, bias = (blob.array() for blob in model.blobs("fc1"))
    hidden = np.maximum(inputs.arrays["data"] @ weights.T + bias, 0)
    last = model.blobs("cost")[0].array()
    return PrunableNet(model, prunable(model), calibrator=Calibrator(inputs)), hidden, last


def changes_of(model: Model, inputs: Inputs, place: Tuple[int, ...]) -> np.ndarray:
    """How the loss of each sample changes without a weight of the first layer, by hand."""
    first, bias = (blob.array() for blob in model.blobs("fc1"))
    last = model.blobs("cost")[0].array()[0]
    without = first.copy()
    without[place] = 0
    made = [np.maximum(inputs.arrays["data"] @ w.T + bias, 0) @ last for w in (without, first)]
    return 2 * (made[0] - made[1])


@pytest.mark.usefixtures("caffe_python")
def test_taylor_is_what_the_loss_moves_by_where_it_is_linear() -> None:
    net, hidden, last = linear_net()
    scores = saliency("taylor").scores(net)
    assert list(scores) == [("fc1", 0), LAST]
    wanted = np.abs(2 * hidden * last).mean(axis=0)[None]
    np.testing.assert_allclose(scores[LAST], wanted, rtol=1e-5)
    # Behind a ReLU the loss is linear in a weight only while no unit starts or stops.
    assert net.calibrator is not None
    first, bias = (np.float64(blob.array()) for blob in net.model.blobs("fc1"))
    inputs = net.calibrator.inputs
    seen = inputs.arrays["data"] @ first.T + bias
    linear = 0
    for row, column in np.ndindex(first.shape):
        moved = seen[:, row] - inputs.arrays["data"][:, column] * first[row, column]
        if ((moved > 0) == (seen[:, row] > 0)).all():
            changes = np.abs(changes_of(net.model, inputs, (row, column))).mean()
            assert scores["fc1", 0][row, column] == pytest.approx(changes, rel=1e-4, abs=1e-6)
            linear += 1
    assert linear > 2


@pytest.mark.usefixtures("caffe_python")
def test_damage_is_half_the_curvature_times_the_square() -> None:
    net, hidden, last = linear_net()
    found = saliency("obd").scores(net)[LAST]
    wanted = 0.5 * last**2 * np.square(2 * hidden).mean(axis=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.usefixtures("caffe_python")
@pytest.mark.parametrize("name", ["obd", "taylor"])
def test_what_is_closed_counts_for_nothing(name: str) -> None:
    net, _, last = linear_net()
    mask = np.arange(last.size).reshape(last.shape) % 2 == 0
    closed = PrunableNet(net.model, (LAST,), {LAST: mask}, net.calibrator)
    assert not saliency(name).scores(closed)[LAST][~mask].any()
    assert saliency(name).scores(closed)[LAST][mask].any()


@pytest.mark.parametrize("name", ["obd", "taylor"])
def test_they_need_inputs(name: str) -> None:
    model = with_random_weights(LINEAR)
    with pytest.raises(PlanError, match=r"there are no inputs; give some with `calibrate`"):
        saliency(name).scores(PrunableNet(model, prunable(model)))
