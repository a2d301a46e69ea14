"""What an error in one layer does to the outputs of the net, tried once for each layer."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest
from budget_nets import small_net as small, some_inputs
from hypothesis import given, strategies as st
from small_models import make_model

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.budgets.effect import Effect
from netsurgery.budgets.trials import LEAST, EffectCurve, _evening, _most_telling
from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.errors import PlanError
from netsurgery.network.cost import total_cost
from netsurgery.network.graph import Value
from netsurgery.network.model import Model
from netsurgery.planning.distances import BoxDistance, ScoreDistance
from netsurgery.progress import Progress, silent
from netsurgery.surgery import apply

BESIDE = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 6 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        inner_product_param { num_output: 8 } }
layer { name: "both" type: "Concat" bottom: "a" bottom: "data" top: "both" }
layer { name: "b" type: "InnerProduct" bottom: "both" top: "b"
        inner_product_param { num_output: 4 bias_term: false } }
"""


def beside() -> Model:
    """A layer all of whose errors the next one can make up for, as it reads the same beside it."""
    random = np.random.default_rng(0)
    weights = {"a": [random.normal(size=(8, 6)), random.normal(size=8)]}
    return make_model(BESIDE, {**weights, "b": [random.normal(size=(4, 14))]})


def effect(model: Model, inputs: Inputs, engine: Any, **wished: Any) -> Effect:
    request = BudgetRequest(Budget(macs=0.5), **wished)
    return Effect(Calibrator(inputs, engine), request, silent)


def arriving(score: Effect, model: Model, *layers: str) -> Dict[str, float]:
    """What arrives of a share so small that its logarithm is the share itself."""
    small = np.array([1e-9])
    return {name: float(score.losses(model, name, small)[0]) / 1e-9 for name in layers}


def normal(shape: tuple, count: int = 60) -> Inputs:
    return Inputs({"data": np.random.default_rng(1).normal(size=(count, *shape)).astype("f4")})


def test_all_of_the_last_layers_error_arrives(opencv: str) -> None:
    # It has no bias: what it loses of the mean of its squared outputs, the net loses of its own.
    score = effect(beside(), normal((6,)), opencv)
    # The engine computes in float32.
    assert arriving(score, beside(), "b")["b"] == pytest.approx(1.0, rel=1e-4)


def test_what_the_next_layer_makes_up_for_does_not_arrive(opencv: str) -> None:
    model = beside()
    mended = arriving(effect(model, normal((6,)), opencv), model, "a")["a"]
    broken = arriving(effect(model, normal((6,)), opencv, refit=False), model, "a")["a"]
    assert broken > 0.01
    # What a ridge of the fit leaves, whose share of the weights is 1e-3 at most.
    assert mended < 1e-3 * broken


def test_what_nothing_reads_has_next_to_no_weight(opencv: str) -> None:
    model = beside()
    assert model.weights is not None
    blind = model.blobs("b")[0].array().copy()
    blind[:, :8] = 0
    model = make_model(BESIDE, {"a": [b.array() for b in model.blobs("a")], "b": [blind]})
    found = arriving(effect(model, normal((6,)), opencv, refit=False), model, "a")
    assert found["a"] == pytest.approx(LEAST)


def test_layers_kept_on_request_are_not_tried(opencv: str) -> None:
    tried = []
    request = BudgetRequest(Budget(macs=0.5), keep=("conv1", "fc*"))
    told = Progress(lambda event: tried.extend(task.item for task in event.tasks if task.item))
    score = Effect(Calibrator(some_inputs(), opencv), request, told)
    score.losses(small(), "conv2", np.array([0.1]))
    assert set(tried) == {"conv2"}


def test_layers_that_share_their_weights_count_like_the_others(opencv: str) -> None:
    shared = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 6 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a" param { name: "w" }
        inner_product_param { num_output: 6 } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b" param { name: "w" }
        inner_product_param { num_output: 6 } }
layer { name: "c" type: "InnerProduct" bottom: "b" top: "c"
        inner_product_param { num_output: 6 } }
"""
    random = np.random.default_rng(0)
    model = make_model(
        shared, {n: [random.normal(size=(6, 6)), random.normal(size=6)] for n in "abc"}
    )
    found = arriving(effect(model, normal((6,)), opencv), model, "a", "c")
    assert found["a"] == found["c"]


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_plans_keep_to_budgets_and_say_what_was_asked(share: float, opencv: str) -> None:
    model, calibrator = small(), Calibrator(some_inputs(300), opencv)
    request = BudgetRequest(Budget(macs=share), score="effect")
    first, second = (plan_budget(model, request, calibrator) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    assert first.expected.score == "effect"
    made = apply(model, first, calibrator)
    assert total_cost(made).macs <= share * total_cost(model).macs


def test_thinning_is_weighed_by_what_arrives_too(opencv: str) -> None:
    model, calibrator = small(), Calibrator(some_inputs(300), opencv)
    request = BudgetRequest(Budget(macs=0.5), ("channel_svd", "thin"), score="effect")
    plan = plan_budget(model, request, calibrator)
    assert plan.expected.left["macs"] <= 0.5 * plan.expected.whole["macs"]


def test_without_inputs_it_is_refused() -> None:
    with pytest.raises(PlanError, match="score effect needs inputs"):
        plan_budget(small(), BudgetRequest(Budget(macs=0.5), score="effect"))


def test_an_output_that_is_hurt_less_counts_as_much() -> None:
    """One output is hurt a hundred times less; which layers hurt it most is seen all the same."""
    boxes, scores = np.array([0.4, 0.2, 0.1, 0.1]), np.array([0.001, 0.001, 0.001, 0.005])
    both = np.stack([boxes, scores], axis=1)
    found = (both * _evening(list(both))).mean(axis=1)
    assert found[3] > found[0] > found[1] > found[2]
    # As large as the mean without it, all layers together; a single output is left as it is.
    assert sum(found) == pytest.approx((boxes.sum() + scores.sum()) / 2)
    assert _evening([boxes[:1], boxes[1:2]]) == pytest.approx([1.0])


def test_what_arrives_is_read_off_a_line() -> None:
    arriving = EffectCurve(np.array([0.1, 0.2]), np.array([0.01, 0.05]))
    lost = np.array([0.0, 1e-9, 0.05, 0.1, 0.15, 0.2, 0.4])
    expected = [0.1, 0.1, 0.1, 0.1, 0.03 / 0.15, 0.25, 0.25]
    assert arriving.shares(lost) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(1e-4, 1.0), st.floats(0, 10)), min_size=1, max_size=3))
def test_what_loses_more_never_arrives_less(tried: list) -> None:
    lost = np.unique([share for share, _ in tried])
    arriving = EffectCurve(lost, np.array([distance for _, distance in tried[: len(lost)]]))
    shares = np.linspace(0, 1, 200)
    assert (np.diff(arriving.shares(shares) * shares) >= -1e-12).all()


THREE = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 } } }
layer { name: "scores" type: "InnerProduct" bottom: "data" top: "scores"
        inner_product_param { num_output: 3 } }
layer { name: "read" type: "InnerProduct" bottom: "scores" top: "read"
        inner_product_param { num_output: 2 bias_term: false } }
"""


def test_of_a_form_that_loses_more_more_may_arrive(opencv: str) -> None:
    # What varies least is not read at all, what varies more is.
    weights = {"scores": [np.diag([2.0, 1.0, 0.5]), np.zeros(3)]}
    model = make_model(THREE, {**weights, "read": [np.eye(2, 3)]})
    # Twelve inputs are as many as are tried; their components are the axes.
    feed = np.tile(np.concatenate([np.eye(3), -np.eye(3)]), (2, 1)).astype("f4")
    score = effect(model, Inputs({"data": feed}), opencv, refit=False)
    little, more = score.losses(model, "scores", np.array([0.04, 0.24])) / [0.04, 0.24]
    assert little == pytest.approx(LEAST, rel=0.1)
    assert more > 0.5


DETECTOR = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "boxes" type: "InnerProduct" bottom: "data" top: "boxes"
        inner_product_param { num_output: 8 } }
layer { name: "logits" type: "InnerProduct" bottom: "data" top: "logits"
        inner_product_param { num_output: 4 } }
layer { name: "rows" type: "Reshape" bottom: "logits" top: "rows"
        reshape_param { shape { dim: 0 dim: 2 dim: 2 } } }
layer { name: "prob" type: "Softmax" bottom: "rows" top: "prob" softmax_param { axis: 2 } }
"""


def test_a_detector_is_tried_on_inputs_in_which_it_sees_something(opencv: str) -> None:
    logits = np.zeros((4, 4))
    logits[[1, 3], 0] = 1.0
    bias = np.array([8.0, 0, 8.0, 0])
    boxes = np.random.default_rng(0).normal(size=(8, 4))
    model = make_model(DETECTOR, {"boxes": [boxes, np.zeros(8)], "logits": [logits, bias]})
    feed = np.random.default_rng(1).normal(size=(40, 4)).astype("f4")
    feed[[11, 17], 0] = 20.0
    calibrator = Calibrator(Inputs({"data": feed}), opencv)
    scores = ScoreDistance(Value("prob"), 2)
    distances = [scores, BoxDistance(Value("boxes"), scores, 0, 0.01)]
    chosen = _most_telling(model, distances, calibrator, 4)
    rows = np.asarray(chosen.arrays["data"][:])
    assert len(rows) == 4
    assert (rows[:, 0] == 20.0).sum() == 2
    assert len(_most_telling(model, distances[:0], calibrator, 4)) == 4
    assert _most_telling(model, distances, calibrator, 40) is calibrator.inputs


def test_layers_of_other_shapes_are_passed_by(caffe: str) -> None:
    """A convolution over three axes is no matrix for windows; the layer behind it still counts."""
    text = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 2 dim: 4 dim: 4 dim: 4 } } }
layer { name: "c3d" type: "Convolution" bottom: "data" top: "c3d"
        convolution_param { num_output: 3 kernel_size: 3 } }
layer { name: "fc" type: "InnerProduct" bottom: "c3d" top: "fc"
        inner_product_param { num_output: 4 } }
"""
    random = np.random.default_rng(0)
    shapes = {"c3d": (3, 2, 3, 3, 3), "fc": (4, 24)}
    model = make_model(
        text, {n: [random.normal(size=s), np.zeros(s[0])] for n, s in shapes.items()}
    )
    score = effect(model, normal((2, 4, 4, 4)), caffe)
    assert score.losses(model, "fc", np.array([0.1])) > 0
