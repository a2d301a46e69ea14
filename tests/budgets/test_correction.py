from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest
from budget_nets import small_net, some_inputs
from hypothesis import given, strategies as st
from small_models import decaying, make_model

from netsurgery.budgets import Budget, BudgetRequest, Planner, plan_budget
from netsurgery.budgets.correction import Correction
from netsurgery.budgets.sweep import sweep_budgets
from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.methods import Edit
from netsurgery.planning import Expected, MetricValues, Plan
from netsurgery.report.explain import whole_lines
from netsurgery.report.sweep import print_sweep
from netsurgery.surgery import apply

PRINTED = 1e-5  # a plan holds six digits
LOSSES = st.lists(
    st.tuples(st.floats(0.01, 1.0), st.just(0.0) | st.floats(0.001, 2.0)),
    min_size=1,
    max_size=6,
    unique_by=lambda p: p[0],
)
# What layers lose of a root does not add up.
METRIC = """\
import os
calls = []
def quality(prototxt, weights):
    calls.append(prototxt)
    return os.path.getsize(weights) ** 0.5
"""


def of_errors(predicted: float, **more: Any) -> Plan:
    return Plan((Edit("a", "svd"),), expected=Expected(predicted=predicted, **more))


@given(LOSSES)
def test_what_was_measured_is_met_and_what_lies_between_lies_between(losses: list) -> None:
    correction = Correction()
    for predicted, measured in losses:
        learnt = correction.learn(of_errors(predicted, measured={"prob": measured}))
        assert learnt.expected.correction["prob"] == pytest.approx(
            measured / predicted, rel=PRINTED
        )
    for predicted, measured in losses:
        found = correction.apply(of_errors(predicted)).expected.corrected
        assert found["prob"] == pytest.approx(measured, rel=PRINTED, abs=1e-12)
    factors = [measured / predicted for predicted, measured in losses]
    for predicted in (0.001, 0.3, 0.7, 2.0):
        found = correction.apply(of_errors(predicted)).expected.corrected["prob"] / predicted
        assert min(factors) * (1 - PRINTED) <= found <= max(factors) * (1 + PRINTED)


def of_a_metric(predicted: float, measured: Optional[float] = None) -> Plan:
    values = MetricValues(0.8, predicted, measured)
    return Plan((Edit("a", "svd"),), expected=Expected(metric=values))


def test_a_net_that_got_better_promises_no_better_one() -> None:
    correction = Correction()
    learnt = correction.learn(of_a_metric(0.4, 0.9))
    assert learnt.expected.correction == {"metric": 0.0}
    assert correction.apply(of_a_metric(0.6)).expected.corrected == {"metric": 0.8}


def test_no_metric_is_promised_below_zero() -> None:
    correction = Correction()
    # Half of 0.8 was to be left and a tenth is: 1.8 times what was predicted is lost.
    learnt = correction.learn(of_a_metric(0.4, 0.08))
    assert learnt.expected.correction == {"metric": 1.8}
    # A quarter was to be lost: 0.45 is, of 0.8.
    assert correction.apply(of_a_metric(0.6)).expected.corrected["metric"] == pytest.approx(0.44)
    assert correction.apply(of_a_metric(0.1)).expected.corrected == {"metric": 0.0}


def test_without_a_measurement_nothing_is_corrected() -> None:
    assert not Correction().apply(of_errors(0.5)).expected.corrected
    correction = Correction()
    nothing = correction.learn(of_errors(0.0, measured={"prob": 0.0}))
    assert not nothing.expected.correction
    assert not correction.apply(of_errors(0.5)).expected.corrected


def test_of_a_single_layer_the_prediction_is_what_is_measured(opencv: str) -> None:
    """Nothing follows that layer, and it has no bias to make up for means."""
    model = make_model(
        """input: "data" input_shape { dim: 4 dim: 20 }
        layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
                inner_product_param { num_output: 16 bias_term: false } }""",
        {"fc": [decaying(16, 20)]},
    )
    random = np.random.default_rng(0)
    inputs = Inputs({"data": random.normal(size=(64, 20)).astype(np.float32)})
    request = BudgetRequest(Budget(macs=0.5), refit=False)
    expected = plan_budget(model, request, Calibrator(inputs, opencv)).expected
    assert 0.1 < expected.predicted < 0.9
    # The ridge of the fit, and what the engine computes in float32.
    assert expected.measured["fc"] == pytest.approx(expected.predicted, rel=1e-3)
    assert expected.correction["fc"] == pytest.approx(1.0, rel=1e-3)


@pytest.fixture
def metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_metric.py").write_text(METRIC)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_metric", raising=False)
    return "my_metric:quality"


def test_a_plan_by_metric_states_what_was_predicted_and_what_was_measured(
    metric: str, tmp_path: Path
) -> None:
    model = small_net()
    request = BudgetRequest(Budget(params=0.4), ("svd", "channel_svd"), "metric", metric)
    plan = plan_budget(model, request)
    quality = sys.modules["my_metric"].quality
    whole, made = (
        quality(*map(str, one.save(tmp_path / str(number))[:2]))
        for number, one in enumerate((model, apply(model, plan)))
    )
    facts, loss = plan.expected.metric, plan.expected.loss
    assert facts.whole == pytest.approx(whole, rel=PRINTED)
    assert facts.measured == pytest.approx(made, rel=PRINTED)
    assert facts.predicted == pytest.approx(whole * (1 - loss), rel=PRINTED)
    factor = (1 - made / whole) / loss
    assert factor > 1.05
    assert plan.expected.correction == {"metric": pytest.approx(factor, rel=1e-4)}
    told = "\n".join(whole_lines(plan))
    assert f"metric {whole:.4g}: predicted {whole * (1 - loss):.4g}; measured {made:.4g}" in told
    assert f"({factor:.3g} times the loss predicted)" in told


def test_a_sweep_corrects_what_it_does_not_measure(
    metric: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small_net()
    request = BudgetRequest(Budget(params=0.9), ("svd", "channel_svd"), "metric", metric)
    shares = (0.001, 0.3, 0.45, 0.6, 0.9)
    every = sweep_budgets(Planner(model, request), "params", shares)
    calls = len(sys.modules["my_metric"].calls)
    some = sweep_budgets(Planner(model, request), "params", shares, 2)
    assert len(sys.modules["my_metric"].calls) == 2 * calls - 2
    assert [point.plan for point in some] == [point.plan for point in every]
    for number in (1, 4):
        assert some[number].to_dict() == every[number].to_dict()
    for number in (2, 3):
        facts, truth = some[number].plan.expected, every[number].plan.expected.metric
        assert facts.metric.measured is None
        corrected = facts.corrected["metric"]
        away = abs(truth.predicted - truth.measured)
        assert abs(corrected - truth.measured) < away
    print_sweep(some, "params")
    shown = capsys.readouterr().out
    assert f"~{corrected:.4g}" in shown
    assert "0.001: the budget cannot be met" in shown
    assert f"corrected {corrected:.4g}" in "\n".join(whole_lines(some[3].plan))
    none = sweep_budgets(Planner(model, request), "params", (0.3,), 0)
    assert "corrected" not in none[0].to_dict()


def test_errors_are_corrected_as_metrics_are(opencv: str) -> None:
    calibrator = Calibrator(some_inputs(), opencv)
    planner = Planner(small_net(), BudgetRequest(Budget(params=0.9), ("svd",)), calibrator)
    points = sweep_budgets(planner, "params", (0.5, 0.7, 0.8), 1)
    facts = [point.to_dict() for point in points]
    assert list(facts[0]["measured"]) == ["prob"]
    factor = facts[0]["measured"]["prob"] / facts[0]["predicted"]
    for found in facts[1:]:
        assert found["measured"] == {}
        assert found["corrected"]["prob"] == pytest.approx(factor * found["predicted"], rel=1e-4)
