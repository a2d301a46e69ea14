from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from caffe_runs import assert_equal, run
from small_models import make_model

import netsurgery as ns
from netsurgery.errors import PlanError
from netsurgery.methods import Edit, low_rank_method
from netsurgery.network import Model, load
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, apply, operate, replay

# Two products in a row of some hundred terms in float32.
FLOAT_NOISE = 1e-5
TEXT = """\
input: "data" input_shape { dim: 2 dim: 6 dim: 3 dim: 4 }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        param { lr_mult: 3 } param { lr_mult: 5 decay_mult: 0 }
        inner_product_param { num_output: 12 } }
layer { name: "ra" type: "ReLU" bottom: "a" top: "a" }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { lr_mult: 7 }
        inner_product_param { num_output: 16 transpose: true bias_term: false } }
layer { name: "rb" type: "ReLU" bottom: "b" top: "b" }
layer { name: "c" type: "InnerProduct" bottom: "b" top: "c"
        inner_product_param { num_output: 10 } }
"""
SHAPES = {"a": (12, 72), "b": (16, 12), "c": (10, 16)}
"""Outputs and inputs."""


def net(text: str = TEXT, **given: np.ndarray) -> Model:
    random = np.random.RandomState(0)
    blobs = {}
    for name, shape in SHAPES.items():
        weights = given.get(name, random.standard_normal(shape))
        blobs[name] = [weights.T if name == "b" else weights, random.standard_normal(shape[0])]
    return make_model(text, {**blobs, "b": blobs["b"][:1]})


def plan(rank: object = 5, layer: str = "a") -> Plan:
    return Plan((Edit(layer, "shared_factor", {"rank": rank}),))


def matrices(model: Model) -> tuple[np.ndarray, np.ndarray]:
    first, second = (model.blobs(name)[0].array(np.float64) for name in "ab")
    return first, second.T


def test_real_caffe_takes_the_common_weights_from_the_layer_that_stores_them(
    tmp_path: Path, caffe_python: str
) -> None:
    surgery = operate(net(), plan())
    (tmp_path / "twin").mkdir()
    expected = run(surgery.twin(), tmp_path / "twin", caffe_python)
    assert_equal(expected, run(surgery.model, tmp_path, caffe_python), FLOAT_NOISE)
    ((weights,), (prototxt,)) = tmp_path.glob("*.caffemodel"), tmp_path.glob("*.prototxt")
    stored = load(prototxt, weights).weights
    assert stored
    assert [layer.name for layer in stored.layers] == ["a_L", "a_U", "b_U", "c"]


def test_the_errors_are_those_of_the_best_common_vectors() -> None:
    model = net()
    surgery = operate(model, plan())
    first, second = matrices(model)
    both = first @ first.T / np.sum(first**2) + second.T @ second / np.sum(second**2)
    vectors = np.linalg.eigh(both)[1][:, -5:]
    expected = {
        "a": np.linalg.norm(first - vectors @ vectors.T @ first) / np.linalg.norm(first),
        "b": np.linalg.norm(second - second @ vectors @ vectors.T) / np.linalg.norm(second),
    }
    measured = surgery.errors(surgery.twin())
    for name, error in surgery.predicted_errors().items():
        assert error == pytest.approx(expected[name], rel=1e-5)
        assert measured[name] == pytest.approx(error, rel=1e-5)
    tradeoff = low_rank_method("shared_factor").tradeoff(model, "a")
    assert tradeoff.lost((5,)) == pytest.approx(np.mean(np.square([*expected.values()])), rel=1e-5)


def test_it_stores_what_it_says_and_counts_what_is_computed() -> None:
    model = net()
    surgery = operate(model, plan())
    tradeoff = low_rank_method("shared_factor").tradeoff(model, "b")
    held = surgery.model.weights
    assert held
    names = ("a_L", "a_U", "b_U")
    stored = sum(blob.count for name in names for blob in held.blobs(name))
    assert stored - 12 == tradeoff.weights.at((5,)) == 5 * (72 + 12 + 16)
    assert tradeoff.weights.whole == 72 * 12 + 12 * 16
    # The common weights compute in both layers.
    assert tradeoff.macs
    assert tradeoff.macs.at((5,)) == 2 * 5 * (72 + 12 + 12 + 16)


def test_full_rank_changes_nothing() -> None:
    model = net()
    surgery = operate(model, plan(12))
    for error in surgery.errors(surgery.twin()).values():
        assert error < 1e-6


def test_a_name_that_the_weights_had_gives_way_to_that_of_the_common_ones() -> None:
    given = TEXT.replace("param { lr_mult: 3 }", 'param { name: "w" lr_mult: 3 }')
    expected, found = (apply(net(text), plan()) for text in (TEXT, given))
    named = expected.prototxt.data.replace(b"{ lr_mult: 3 }", b'{ name: "w_L" lr_mult: 3 }')
    assert b'param { name: "a_U" lr_mult: 3 }' in named
    assert found.prototxt.data == named


def test_either_layer_names_the_two() -> None:
    by_first, by_second = (apply(net(), plan(5, name)) for name in "ab")
    assert by_first.prototxt.data == by_second.prototxt.data
    assert low_rank_method("shared_factor").coupled(net(), "b") == ("a", "b")


def test_multipliers_stand_with_the_owner() -> None:
    parameters = {
        layer.name: [(one.name, one.lr_mult, one.decay_mult) for one in layer.parameter.param]
        for layer in apply(net(), plan()).prototxt.layers
    }
    assert parameters["a_L"] == [("", 3, 1)]
    assert parameters["a_U"] == [("a_U", 3, 1), ("", 5, 0)]
    assert parameters["b_L"] == [("a_U", 1, 1)]
    assert parameters["b_U"] == [("", 7, 1)]


def surgery_of_both() -> Surgery:
    return operate(net(), plan())


def test_it_can_be_done_again_undone_and_saved(tmp_path: Path) -> None:
    surgery = surgery_of_both()
    (step,) = surgery.steps
    assert replay(surgery, step.before.prototxt).prototxt.data == surgery.model.prototxt.data
    assert surgery.undone().model is step.before
    again = load(*surgery.model.save(tmp_path))
    assert again.prototxt.data == surgery.model.prototxt.data
    assert surgery_of_both().model.blobs("a_U")[0].digest == again.blobs("a_U")[0].digest


def test_rules_order_it_and_the_pair_is_proved(tmp_path: Path, caffe_python: str) -> None:
    asked = ns.CompressRequest(rank={"a": 5}, method="shared_factor")
    done = ns.compress(net(), asked, tmp_path)
    assert [(edit.layer, edit.method) for edit in done.plan.edits] == [("a", "shared_factor")]
    assert done.written
    assert done


def test_budgets_refuse_it_in_one_line() -> None:
    with pytest.raises(PlanError, match="a budget weighs one by one"):
        ns.plan(net(), ns.PlanRequest(budget=ns.Budget(params=0.5), methods=("shared_factor",)))


SHARED_WEIGHTS = (
    TEXT.replace("param { lr_mult: 3 }", 'param { name: "w" }')
    + """\
layer { name: "d" type: "InnerProduct" bottom: "data" top: "d" param { name: "w" }
        inner_product_param { num_output: 12 bias_term: false } }
"""
)


@pytest.mark.parametrize(
    ("text", "layer", "problem"),
    [
        (TEXT, "c", "no InnerProduct layer reads all that it makes"),
        (SHARED_WEIGHTS, "a", "shares|reads all"),
        (TEXT, "ra", "it is of type ReLU"),
    ],
)
def test_what_has_no_partner_is_refused(text: str, layer: str, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        apply(net(text), plan(5, layer))


@pytest.mark.parametrize("rank", [0, 13, [3, 4], None])
def test_ranks_that_cannot_be_are_refused(rank: object) -> None:
    with pytest.raises(PlanError, match="not a whole number from 1 to 12"):
        apply(net(), plan(rank))


def test_a_parameter_that_has_the_name_of_the_common_one_is_refused() -> None:
    text = TEXT.replace('top: "c"', 'top: "c" param { name: "a_U" }')
    with pytest.raises(PlanError, match=r"'a'.*already has a parameter called 'a_U'.*suffixes"):
        apply(net(text), plan())
