from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, line
from hypothesis import given, settings, strategies as st
from small_models import make_model, two_layers

from netsurgery.errors import FormatError, PlanError
from netsurgery.formats import Blob, LayerWeights
from netsurgery.methods import Edit, Prediction
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.surgery import apply, operate

FC6 = Edit("fc6", "svd", {"rank": 4})
FC7 = Edit("fc7", "svd", {"rank": 2})


def test_an_empty_plan_gives_the_same_bytes(zoo: Path, tmp_path: Path) -> None:
    files = zoo / "mtcnn_det3" / "deploy.prototxt", zoo / "mtcnn_det3" / "det3.caffemodel"
    apply(load(*files), Plan()).save(tmp_path)
    for file in files:
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_the_model_itself_is_never_changed() -> None:
    model = two_layers()
    before = bytes(model.prototxt), [layer.name for layer in model.weights.layers]
    apply(model, Plan((FC6, FC7)))
    assert (bytes(model.prototxt), [layer.name for layer in model.weights.layers]) == before


def test_untouched_layers_keep_their_bytes_in_the_weights(zoo: Path, tmp_path: Path) -> None:
    model = load(zoo / "mtcnn_det3" / "deploy.prototxt", zoo / "mtcnn_det3" / "det3.caffemodel")
    apply(model, Plan((Edit("conv5", "svd", {"rank": 20}),))).save(tmp_path)
    old = (zoo / "mtcnn_det3" / "det3.caffemodel").read_bytes()
    new = (tmp_path / "det3.caffemodel").read_bytes()
    place = old.index(b"conv5")
    assert new[: place - 12] == old[: place - 12]
    tail = old[old.index(b"prelu5") - 2 :]
    assert new.endswith(tail)


@settings(max_examples=20)
@given(st.integers(1, 32), st.integers(1, 5), st.sampled_from(["first", "sqrt"]))
def test_the_twin_holds_the_product_of_the_pair(six: int, seven: int, split: str) -> None:
    edits = [Edit("fc6", "svd", {"rank": six, "split": split}), Edit("fc7", "svd", {"rank": seven})]
    surgery = operate(two_layers(), Plan(tuple(edits)))
    twin = surgery.twin()
    assert twin.prototxt is surgery.original.prototxt
    for name in ("fc6", "fc7"):
        (right,), (left, bias) = (
            [blob.array() for blob in surgery.model.blobs(name + suffix)] for suffix in ("_L", "_U")
        )
        weights, twin_bias = (blob.array() for blob in twin.blobs(name))
        # float32 against float64 sums of at most 32 terms
        assert np.allclose(weights, left.astype(float) @ right.astype(float), atol=1e-5)
        assert np.array_equal(bias, twin_bias)
        assert np.array_equal(bias, surgery.original.blobs(name)[1].array())


def test_the_layers_keep_their_order_in_the_weights() -> None:
    surgery = operate(two_layers(), Plan((FC7, FC6)))
    names = [layer.name for layer in surgery.model.weights.layers]
    assert names == ["fc6_L", "fc6_U", "fc7_L", "fc7_U"]
    assert [layer.name for layer in surgery.twin().weights.layers] == ["fc6", "fc7"]


def test_nothing_is_done_when_one_edit_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="'fc9'"):
        apply(two_layers(), Plan((FC6, Edit("fc9", "svd", {"rank": 2}))))
    with pytest.raises(PlanError, match=r"there is no method 'magic'; choose among .*svd"):
        apply(two_layers(), Plan((Edit("fc6", "magic", {}),)))


def test_without_weights_there_is_nothing_to_operate_on() -> None:
    with pytest.raises(PlanError, match="no weights to operate on"):
        apply(Model(two_layers().prototxt), Plan((FC6,)))


def test_a_pair_can_be_factored_again() -> None:
    plan = Plan((FC6, Edit("fc6_U", "svd", {"rank": 2})))
    surgery = operate(two_layers(), plan)
    names = [layer.name for layer in surgery.model.prototxt.layers]
    assert names == ["data", "fc6_L", "fc6_U_L", "fc6_U_U", "relu6", "fc7"]
    arrays = [surgery.model.blobs(name)[0].array() for name in ("fc6_U_U", "fc6_U_L", "fc6_L")]
    product = np.linalg.multi_dot(arrays)
    # float32 rounding of three factors
    assert np.allclose(surgery.twin().blobs("fc6")[0].array(), product, atol=1e-5)


def test_a_model_is_not_saved_over_itself(tmp_path: Path) -> None:
    two_layers().save(tmp_path)
    model = load(tmp_path / "deploy.prototxt", tmp_path / "weights.caffemodel")
    before = (tmp_path / "deploy.prototxt").read_bytes()
    with pytest.raises(FormatError, match="would be overwritten; choose another folder"):
        apply(model, Plan((FC6,))).save(tmp_path)
    assert (tmp_path / "deploy.prototxt").read_bytes() == before


def test_a_net_in_the_oldest_layout_is_upgraded_and_what_that_loses_is_told() -> None:
    text = """
    name: "old" input: "data" input_dim: 2 input_dim: 8 input_dim: 1 input_dim: 1
    layers { layer { name: "ip" type: "innerproduct" num_output: 6 blobs_lr: 1. }
             bottom: "data" top: "ip" }
    """
    random = np.random.default_rng(0)
    model = make_model(text, {"ip": [random.normal(size=(6, 8)), random.normal(size=6)]}, "V0")
    surgery = operate(model, Plan((Edit("ip", "svd", {"rank": 2}),)))
    assert surgery.model.prototxt.version == "V2"
    assert [layer.name for layer in surgery.model.prototxt.layers][-2:] == ["ip_L", "ip_U"]
    # Where nothing is to be done, nothing is.
    assert operate(model, Plan(())).model.prototxt.version == "V0"


def test_float32_is_not_rounded_and_unmoved_blobs_are_held_to_the_originals() -> None:
    model = two_layers()
    surgery = operate(model, Plan((Edit("fc6", "svd", {"rank": 8}),)))
    assert surgery.rounding() == {}
    twin = surgery.twin()
    assert surgery.moved_errors(twin) == {"fc6": 0.0}
    weights, bias = model.blobs("fc6")
    moved = LayerWeights("fc6", None, (weights, Blob.of(bias.array() * np.float32(1.5))))
    twin = replace(twin, weights=twin.weights.replace({"fc6": [moved]}))
    assert surgery.moved_errors(twin) == {"fc6": pytest.approx(0.5, rel=1e-6)}
    # Of a layer that two edits changed, none of them promises anything.
    edits = (Edit("fc6", "svd", {"rank": 8}), Edit("fc6_U", "svd", {"rank": 4}))
    twice = operate(model, Plan(edits))
    assert twice.moved_errors(twice.twin()) == {}
    assert twice.predicted_errors() == {}


def test_a_surgery_is_told_by_the_plan_that_it_carried_out_and_by_no_other() -> None:
    surgery = operate(two_layers(), Plan((FC6, FC7)))
    measured = Plan((replace(FC6, predicted=Prediction(measured=0.5)), FC7))
    told = surgery.of(measured)
    assert [step.rewrite.edit.predicted.measured for step in told.steps] == [0.5, None]
    assert told.model is surgery.model
    for others in ((FC7, FC6), (FC6,), (FC6, FC7, FC7)):
        with pytest.raises(ValueError, match="another plan"):
            surgery.of(Plan(others))


THREE = (
    declared("x", 2, 3, 9, 9)
    + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 6")
    + line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 8")
    + line("Convolution", "c", ["b"], ["c"], CONVOLUTION % "num_output: 5")
    + line("InnerProduct", "d", ["c"], ["d"], "inner_product_param { num_output: 4 }")
)
CUTS = tuple(
    Edit(name, "thin", {"keep": keep})
    for name, keep in (("b", [0, 2, 3, 7]), ("a", [1, 2, 5]), ("c", [0, 4]))
)


def test_edits_carried_out_together_are_the_steps_that_each_alone_would_be() -> None:
    model = with_random_weights(THREE)
    together = operate(model, Plan(CUTS))
    alone = [model]
    for number, edit in enumerate(CUTS):
        surgery = operate(alone[-1], Plan((edit,)))
        step, (only,) = together.steps[number], surgery.steps
        assert step.rewrite.result == only.rewrite.result
        assert step.rewrite.errors == only.rewrite.errors
        assert step.rewrite.unmoved == only.rewrite.unmoved
        assert step.before.weights.digest == alone[-1].weights.digest
        alone.append(surgery.model)
    assert together.model.digest == alone[-1].digest
    assert together.model.prototxt.data == alone[-1].prototxt.data
    assert [together.undone(count).model.digest for count in (1, 2, 3)] == [
        one.digest for one in alone[-2::-1]
    ]
    fields = [told["fields"] for told in together.describe() if told["edit"] == "set"]
    assert fields == [{"convolution_param.num_output": count} for count in (4, 3, 2)]
