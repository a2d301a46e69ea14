"""The compensation that makes biases take over constants, as an edit of the method thin."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import TWO_LAYERS, make_model, two_layers

from netsurgery.errors import PlanError
from netsurgery.methods import Edit
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import operate


def with_constant(channel: int, bias: float) -> Model:
    model = two_layers()
    blobs = {layer.name: [b.array().copy() for b in layer.blobs] for layer in model.weights.layers}
    blobs["fc6"][0][channel] = 0
    blobs["fc6"][1][channel] = bias
    return make_model(TWO_LAYERS, blobs)


def without(channel: int) -> Plan:
    keep = [one for one in range(32) if one != channel]
    return Plan((Edit("fc6", "thin", {"keep": keep, "compensate": "constants"}),))


@pytest.mark.parametrize(("bias", "held"), [(-2.0, 0.0), (0.0, 0.0), (2.5, 2.5)])
def test_the_bias_takes_what_the_channel_held(bias: float, held: float) -> None:
    model = with_constant(7, bias)
    thin = operate(model, without(7)).model
    weights, before = (blob.array() for blob in model.blobs("fc7"))
    left, after = (blob.array() for blob in thin.blobs("fc7"))
    assert np.array_equal(left, np.delete(weights, 7, axis=1))
    # one float64 sum, rounded to float32
    np.testing.assert_allclose(after, before + held * weights[:, 7].astype(float), rtol=1e-6)
    assert np.array_equal(thin.blobs("fc6")[1].array(), np.delete(model.blobs("fc6")[1].array(), 7))


def test_the_twin_has_the_folded_bias_and_reads_zeros() -> None:
    surgery = operate(with_constant(7, 2.5), without(7))
    weights, bias = (blob.array() for blob in surgery.twin().blobs("fc7"))
    assert not weights[:, 7].any()
    assert np.array_equal(bias, surgery.model.blobs("fc7")[1].array())


def test_a_channel_that_lives_is_not_cut() -> None:
    with pytest.raises(PlanError, match="'fc6': channel 8 is not dead"):
        operate(with_constant(7, 2.5), without(8))


def test_a_constant_that_no_bias_can_take_is_not_cut() -> None:
    model = with_constant(7, 2.5)
    text = TWO_LAYERS.replace("{ num_output: 5 }", "{ num_output: 5 bias_term: false }")
    blobs = {layer.name: [blob.array() for blob in layer.blobs] for layer in model.weights.layers}
    model = make_model(text, {"fc6": blobs["fc6"], "fc7": blobs["fc7"][:1]})
    with pytest.raises(PlanError, match=r"channel 7 is not dead: fc7 \(InnerProduct\) has no bias"):
        operate(model, without(7))


def test_it_needs_no_inputs_and_is_one_of_the_kinds() -> None:
    plan = Plan((Edit("fc6", "thin", {"keep": [0], "compensate": "magic"}),))
    with pytest.raises(PlanError, match="none, channels, patches, constants"):
        operate(two_layers(), plan)
