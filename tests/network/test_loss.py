"""A loss at the end of a net: where it is put, and what it depends on."""

from __future__ import annotations

import pytest
from calibration_nets import CLASSIFIER, declared, layer
from small_models import make_model

from netsurgery.errors import PlanError
from netsurgery.network.graph import Value
from netsurgery.network.loss import with_loss
from netsurgery.network.model import load

SOFTMAX = layer("Softmax", "fc", "prob")
V1 = """
input: "data" input_dim: 4 input_dim: 3 input_dim: 8 input_dim: 8
force_backward: false
layers { name: "fc" type: INNER_PRODUCT bottom: "data" top: "label"
         inner_product_param { num_output: 5 } }
layers { name: "loss" type: SOFTMAX bottom: "label" top: "label" }
"""


def test_the_loss_reads_what_the_softmax_reads() -> None:
    found = with_loss(make_model(CLASSIFIER + SOFTMAX, {}))
    assert (found.scores, found.labels) == (Value("fc"), "label")
    network = found.model.network()
    (loss,) = network.find("loss")
    assert loss.type == "SoftmaxWithLoss"
    assert [value.blob for value in loss.bottoms] == ["fc", "label"]
    assert found.model.prototxt.force_backward
    assert found.reached == {Value("data"), Value("fc")}


def test_scores_without_a_softmax_will_do() -> None:
    assert with_loss(make_model(CLASSIFIER, {})).scores == Value("fc")


def test_old_nets_with_taken_names_and_softmax_in_place() -> None:
    found = with_loss(make_model(V1, {}, version="V1"))
    assert found.scores == Value("label")
    assert found.model.prototxt.version == "V2"
    assert found.model.prototxt.force_backward
    (loss,) = (one for one in found.model.network().layers if one.type == "SoftmaxWithLoss")
    assert [value.blob for value in loss.bottoms] == [found.names[Value("label")], found.labels]
    assert found.labels not in found.names.values()


def test_a_loss_of_the_nets_own_is_used() -> None:
    text = (
        CLASSIFIER
        + declared("truth", 1)
        + layer("SoftmaxWithLoss", "fc truth", "cost", "loss_weight: 0.5")
    )
    found = with_loss(make_model(text, {}))
    assert (found.losses, found.labels, found.scores) == ({"cost": 0.5}, None, None)
    assert found.takes_means
    assert Value("truth") in found.reached


def test_among_several_outputs_one_is_named() -> None:
    second = layer("InnerProduct", "data", "other", "inner_product_param { num_output: 9 }")
    model = make_model(CLASSIFIER + second, {})
    with pytest.raises(PlanError, match=r"one output of class scores; name the one .* fc, other"):
        with_loss(model)
    with pytest.raises(PlanError, match="and 'data' is none"):
        with_loss(model, "data")
    found = with_loss(model, "other")
    assert found.scores == Value("other")
    assert Value("fc") not in found.reached
    assert with_loss(make_model(CLASSIFIER + SOFTMAX + second, {})).scores == Value("fc")


def test_a_net_that_tells_no_classes_apart_has_no_loss() -> None:
    text = declared("data", 1, 3, 8, 8) + layer(
        "Convolution", "data", "map", "convolution_param { num_output: 4 kernel_size: 3 }"
    )
    with pytest.raises(PlanError, match="one output of class scores; add a loss layer"):
        with_loss(make_model(text, {}))


def test_the_net_of_the_zoo_whose_softmax_is_not_for_the_labels(zoo) -> None:
    folder = zoo / "dns_lenet300100"
    model = load(next(folder.glob("*deploy*.prototxt")))
    assert with_loss(model, "ip3").scores == Value("ip3")
