from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, channel_nets, line
from hypothesis import HealthCheck, given, settings, strategies as st

from netsurgery.calibration import Inputs, random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.costs import Budget
from netsurgery.criteria import CRITERIA
from netsurgery.criteria.base import WEIGHTS
from netsurgery.errors import PlanError
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.linalg.selection import select
from netsurgery.methods import Edit
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.surgery import operate

QUIET: Dict[str, Any] = {"suppress_health_check": list(HealthCheck)}
CHAIN = (
    declared("x", 1, 3, 9, 9)
    + line("Convolution", "a", ["x"], ["a"], CONVOLUTION % "num_output: 12")
    + line("ReLU", "r", ["a"], ["a"])
    + line("Convolution", "b", ["a"], ["b"], CONVOLUTION % "num_output: 16")
    + line("ReLU", "s", ["b"], ["b"])
    + line("InnerProduct", "c", ["b"], ["c"], "inner_product_param { num_output: 20 }")
    + line("InnerProduct", "d", ["c"], ["d"], "inner_product_param { num_output: 5 }")
)


def request(*keep: str, **more: Any) -> ThinSpec:
    return ThinSpec([parse_rule("keep", text) for text in keep], **more)


def counts(plan: Plan) -> Dict[str, int]:
    return {e.layer: len(e.options["keep"]) for e in plan.edits if e.method == "thin"}


def test_rules_say_how_many() -> None:
    model = with_random_weights(CHAIN)
    assert counts(plan_thin(model, request("a=7", "InnerProduct=0.25"))) == {"a": 7, "c": 5}
    assert counts(plan_thin(model, request("a=7", "*=0.5"))) == {"a": 7, "b": 8, "c": 10}
    assert counts(plan_thin(model, request("0.5", multiple=8))) == {"a": 8, "b": 8, "c": 8}


def test_a_width_is_that_of_lu_et_al() -> None:
    model = with_random_weights(CHAIN)
    plan = plan_thin(model, request(width=8))
    assert counts(plan) == {"a": 8, "b": 8, "c": 16}
    assert counts(plan_thin(model, request("a=3", width=14))) == {"a": 3, "b": 14}
    left = {item.layer: item.reason for item in plan.skipped}
    assert "d is an output" in left["d"]


def test_a_budget_is_kept_beside_rules_and_widths() -> None:
    model = with_random_weights(CHAIN)
    for asked in (
        request("a=0.9", budget=Budget(macs=0.5)),
        request("a=7", budget=Budget(macs=0.5), multiple=4),
        request("c=10", budget=Budget(params=0.3)),
    ):
        plan = plan_thin(model, asked)
        after, before = total_cost(operate(model, plan).model), total_cost(model)
        assert asked.budget
        assert after.macs <= (asked.budget.macs or 1) * before.macs
        assert after.params <= (asked.budget.params or 1) * before.params
    # 7 of 12 is nearest to 8, the multiple of 4.
    assert counts(plan_thin(model, request("a=7", budget=Budget(macs=0.5), multiple=4)))["a"] == 8
    with pytest.raises(PlanError, match="cannot be met"):
        plan_thin(model, request(width=16, budget=Budget(macs=0.1)))


@pytest.mark.parametrize("name", ["l1", "somp-l1", "somp"])
def test_weights_are_judged_without_the_columns_that_are_gone(name) -> None:
    model = with_random_weights(CHAIN, 4)
    plan = plan_thin(model, request("a=4", "b=6", criterion=name))
    first, second = (edit.options["keep"] for edit in plan.edits)
    matrix = model.blobs("b")[0].array().astype(np.float64)[:, first].reshape(16, -1)
    if name == "l1":
        expected = np.sort(np.argsort(-np.abs(matrix).sum(axis=1), kind="stable")[:6])
    else:
        score = "l1" if name == "somp-l1" else "greedy"
        expected = select(matrix @ matrix.T, 6, score).indices
    assert second == expected.tolist()


WEIGHED = [name for name, one in sorted(CRITERIA.all().items()) if one.needs == WEIGHTS]


@settings(max_examples=60, **QUIET)
@given(
    text=channel_nets(),
    share=st.floats(0.02, 0.9),
    multiple=st.sampled_from([1, 2, 4]),
    name=st.sampled_from(WEIGHED),
    width=st.booleans(),
)
def test_plans_of_random_nets_can_be_carried_out(text, share, multiple, name, width) -> None:
    model = with_random_weights(text)
    asked = {"multiple": multiple, "criterion": name}
    if width:
        plan = plan_thin(model, request(width=max(1, round(4 * share)), **asked))
    else:
        plan = plan_thin(model, request(f"*={share:.3f}", **asked))
    thinned = operate(model, plan).model
    for edit in plan.edits:
        assert len(edit.options["keep"]) % multiple == 0
    assert total_cost(thinned).params <= total_cost(model).params


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (request("nothing=3"), "nothing"),
        (request("a=13"), "it has 12 channels, not 13"),
        (request("d=2"), "no channel of it can go: d is an output"),
        (request(width=0), "1 or more"),
        (request("a=3", multiple=0), "1 or more"),
        (request("a=3", criterion="magic"), "choose among activation, "),
        (request("a=3", criterion="surgeon"), "with `calibrate`"),
        (request("a=3", criterion="activation"), "with `calibrate`"),
    ],
)
def test_what_cannot_be_had_is_told_in_a_line(asked, problem) -> None:
    with pytest.raises(PlanError, match=problem) as caught:
        plan_thin(with_random_weights(CHAIN), asked)
    assert "\n" not in str(caught.value)


def statistics_of(model: Model, engine: Any, count: int = 40) -> Calibrator:
    return Calibrator(random_inputs(model.network(), count, 1), engine)


@pytest.mark.parametrize("kind", [None, "none", "channels", "patches", "refit"])
def test_a_plan_is_carried_out_and_proved(quick_caffe, tmp_path, kind) -> None:
    model = with_random_weights(CHAIN)
    calibrator = statistics_of(model, quick_caffe)
    plan = plan_thin(model, request(budget=Budget(macs=0.5), compensate=kind), calibrator)
    methods = [edit.method for edit in plan.edits]
    assert ("refit" in methods) == (kind in (None, "refit"))
    done = write_proved(model, plan, tmp_path, Proof(engine=quick_caffe), calibrator=calibrator)
    assert done, done.reasons
    assert done.unproven is None
    assert done.costs[1].macs <= 0.5 * done.costs[0].macs


def test_thin_and_low_rank_go_in_one_plan(quick_caffe, tmp_path) -> None:
    model = with_random_weights(CHAIN)
    calibrator = statistics_of(model, quick_caffe)
    thin = plan_thin(model, request("a=8", "b=8"), calibrator)
    plan = Plan((*thin.edits, Edit("c", "svd", {"rank": 4}), Edit("d", "refit")))
    plan.save(tmp_path / "plan.yaml")
    assert Plan.load(tmp_path / "plan.yaml") == plan
    done = write_proved(
        model, plan, tmp_path / "out", Proof(engine=quick_caffe), calibrator=calibrator
    )
    assert done, done.reasons
    assert done.unproven is None
    names = [layer.name for layer in done.surgery.model.network().layers]
    assert "c_L" in names
    assert "c_U" in names


def test_dead_units_do_not_fool_the_surgeon(quick_caffe) -> None:
    """Half of the units never answer, a few answer loudest and say the same."""
    random = np.random.default_rng(0)
    text = declared("x", 1, 12)
    text += line("InnerProduct", "a", ["x"], ["a"], "inner_product_param { num_output: 40 }")
    text += line("ReLU", "r", ["a"], ["a"])
    text += line("InnerProduct", "b", ["a"], ["b"], "inner_product_param { num_output: 6 }")
    model = with_random_weights(text, 1)
    weights, bias = (blob.array().copy() for blob in model.blobs("a"))
    bias[:20] = -100.0  # dead
    weights[20:26] = 3 * weights[20]  # six times the same, and loud
    bias[20:26] = 3 * bias[20]
    layer = next(layer for layer in model.weights.layers if layer.name == "a")  # type: ignore
    blobs = (layer.blobs[0].filled(weights), layer.blobs[1].filled(bias))
    changed = {"a": [type(layer)("a", layer.type, blobs)]}
    model = Model(model.prototxt, model.weights.replace(changed))  # type: ignore
    inputs = Inputs({"x": random.normal(size=(400, 12)).astype(np.float32)})
    calibrator = Calibrator(inputs, quick_caffe)
    edit, *_ = plan_thin(model, request("a=15"), calibrator).edits
    kept = np.array(edit.options["keep"])
    assert (kept >= 20).all()
    assert ((kept >= 20) & (kept < 26)).sum() == 1


TIED = """
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 3 dim: 4 dim: 4 } } }
layer { name: "left" type: "Convolution" bottom: "data" top: "left"
        convolution_param { num_output: 8 kernel_size: 1 } }
layer { name: "right" type: "Convolution" bottom: "data" top: "right"
        convolution_param { num_output: 8 kernel_size: 1 } }
layer { name: "sum" type: "Eltwise" bottom: "left" bottom: "right" top: "sum" }
layer { name: "last" type: "Convolution" bottom: "sum" top: "last"
        convolution_param { num_output: 2 kernel_size: 1 } }
"""


def test_rules_for_channels_that_are_cut_together_cannot_differ() -> None:
    model = with_random_weights(TIED)
    with pytest.raises(PlanError, match="contradict each other: the channels of left and right"):
        plan_thin(model, request("left=4", "right=6"))
    with pytest.raises(PlanError, match="contradict each other"):
        plan_thin(model, request("l*=4", "r*=6"))
    for rules in (("left=4", "right=4"), ("left=4", "r*=6"), ("left=4",)):
        (edit, *_) = plan_thin(model, request(*rules)).edits
        assert len(edit.options["keep"]) == 4
