"""Taylor criteria where they are exact, and scores of layers made comparable."""

from __future__ import annotations

import numpy as np
import pytest
from channel_choices import with_random_weights
from judged_nets import LINEAR, OVERWRITING, samples

from netsurgery.calibration.calibrator import Calibrator
from netsurgery.criteria import View, criterion
from netsurgery.criteria.base import GRADIENTS
from netsurgery.criteria.normalise import l2_normalised, macs_of_channels, with_flops
from netsurgery.errors import PlanError
from netsurgery.network.channels import channel_groups, thin_model
from netsurgery.network.cost import total_cost
from netsurgery.ranking import measure_oracle


@pytest.mark.usefixtures("caffe_python")
def test_taylor_is_the_oracle_where_the_loss_is_linear() -> None:
    model, inputs = with_random_weights(LINEAR), samples(LINEAR, 20, None)
    group = next(group for group in channel_groups(model) if group.name == "fc1")
    calibrator = Calibrator(inputs)
    scores = criterion("taylor").scores(View(model, group, calibrator))
    sums = criterion("taylor-sum").scores(View(model, group, calibrator))
    squares = criterion("taylor2019").scores(View(model, group, calibrator))
    oracle = measure_oracle(model, [group], calibrator)
    # Behind a ReLU a channel moves the loss of all samples the same way, so that the mean of
    # magnitudes is the magnitude of the mean.
    np.testing.assert_allclose(scores, np.abs(oracle.changes["fc1"]), rtol=1e-5, atol=1e-7)
    weight, bias = (blob.array() for blob in model.blobs("fc1"))
    hidden = np.maximum(inputs.arrays["data"] @ weight.T + bias, 0)
    removed = 2 * hidden * model.blobs("cost")[0].array()[0]
    np.testing.assert_allclose(scores, np.abs(removed).mean(axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(sums, scores)  # one place
    np.testing.assert_allclose(squares, np.square(removed).mean(axis=0), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(oracle.changes["fc1"], -removed.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_taylor_needs_inputs() -> None:
    model = with_random_weights(LINEAR)
    assert criterion("taylor").needs == criterion("taylor2019").needs == GRADIENTS
    group = next(group for group in channel_groups(model) if len(group.free))
    with pytest.raises(PlanError, match="there are no inputs"):
        criterion("taylor").scores(View(model, group))


def test_scores_of_a_layer_have_length_one() -> None:
    scores = {"a": np.array([3.0, 4.0]), "b": np.zeros(3)}
    found = l2_normalised(scores)
    np.testing.assert_allclose(found["a"], [0.6, 0.8])
    np.testing.assert_array_equal(found["b"], np.zeros(3))
    np.testing.assert_array_equal(scores["a"], [3, 4])


def test_a_channel_costs_what_the_thinned_net_saves() -> None:
    model = with_random_weights(OVERWRITING)
    groups = [group for group in channel_groups(model) if len(group.free)]
    macs, whole = macs_of_channels(model, groups), total_cost(model).macs
    for group in groups:
        smaller = thin_model(model, groups, {group.name: range(1, group.channels)})
        saved = 100 * (whole - total_cost(smaller).macs) / whole
        assert macs[group.name][0] == pytest.approx(saved)
    scores = {group.name: np.ones(group.channels) for group in groups}
    dear = with_flops(scores, macs, 0.5)["conv1"]
    np.testing.assert_allclose(dear, 1 - 0.5 * macs["conv1"])
