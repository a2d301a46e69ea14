"""The smallest net within a loss: what is measured keeps to what was asked."""

from __future__ import annotations

from typing import Any, Callable, List, Tuple

import numpy as np
import pytest
from budget_nets import small_net, some_inputs
from hypothesis import given, strategies as st

from netsurgery.budgets import BudgetRequest, LossMeter, Planner, SmallestSearch
from netsurgery.budgets.smallest import MOST, STEP
from netsurgery.calibration import Calibrator, Inputs, open_model
from netsurgery.costs import Budget
from netsurgery.engine import Engine
from netsurgery.errors import PlanError
from netsurgery.methods import Edit
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning import Expected, Plan, ThinPlanner, ThinSpec
from netsurgery.progress import silent
from netsurgery.quality import OutputLoss

WHOLE = {"macs": 1000.0, "params": 100.0}


class Curve:
    """Measures by a formula: the loss of a plan is a function of what is left."""

    model = small_net()
    inputs = some_inputs(4)

    def __init__(self, loss: Callable[[float], float]) -> None:
        self._loss = loss
        self.measured: List[float] = []

    def measure(self, plan: Plan) -> Tuple[OutputLoss, None]:
        left = plan.expected.left["macs"] / WHOLE["macs"]
        self.measured.append(left)
        return OutputLoss("prob", "agreement", self._loss(left)), None


def planned(budget: Budget, least: float = 0.1, used: float = 1.0) -> Plan:
    share = budget.macs or 1.0
    if share < least:
        raise PlanError("the budget cannot be met")
    left = {"macs": used * share * WHOLE["macs"], "params": 50.0}
    return Plan((Edit("a", "svd"),), expected=Expected(budget=budget.given, left=left))


def search(loss: Callable[[float], float], asked: float, caps: Any = None, **how: Any) -> Plan:
    meter: Any = Curve(loss)
    return (
        SmallestSearch(asked, caps, WHOLE, lambda budget: planned(budget, **how), meter, silent)
        .run()
        .plan
    )


@given(
    knee=st.floats(0.0, 1.0),
    steepness=st.floats(0.05, 5.0),
    asked=st.floats(0.0, 0.5),
    used=st.floats(0.9, 1.0),
)
def test_what_is_measured_keeps_to_what_was_asked_and_little_smaller_would_not(
    knee: float, steepness: float, asked: float, used: float
) -> None:
    def loss(left: float) -> float:
        return max(knee - left, 0.0) * steepness

    found = search(loss, asked, used=used).expected.max_loss
    assert found.asked == asked
    assert len(found.tried) <= MOST
    passed = [one.left for one in found.tried if one.loss is not None and one.loss <= asked]
    if found.reason:
        assert not passed
        assert found.measured == 0
        assert loss(used * (1 - STEP)) > asked - 1e-6  # a plan holds six digits
        return
    assert found.measured <= asked
    best = min(passed)
    assert loss(best) == pytest.approx(found.measured, abs=1e-5)
    # A budget that is less by a step was too small; the net for it is smaller by what it leaves.
    smaller = best - STEP - 1e-6
    assert smaller < 0.1 or loss(used * smaller) > asked


def test_a_cap_holds_beside_the_loss_and_its_currency_is_made_smaller() -> None:
    plan = search(lambda left: 0.4 - left, 0.2, Budget(macs=0.5, params=0.7))
    found = plan.expected.max_loss
    assert found.currency == "macs"
    assert found.tried[0].share == 0.5
    assert all(one.share <= 0.5 for one in found.tried)
    assert plan.expected.budget == {"macs": 0.5, "params": 0.7}
    assert 0.2 <= plan.expected.left["macs"] / 1000 <= 0.2 + STEP


def test_a_cap_within_which_too_much_is_lost_is_refused() -> None:
    with pytest.raises(PlanError, match=r"macs 0\.5, loses 0\.5 \(agreement\); 0\.01 may be lost"):
        search(lambda left: 1 - left, 0.01, Budget(macs=0.5))
    with pytest.raises(PlanError, match="cannot be met"):
        search(lambda left: 0.0, 0.01, Budget(macs=0.05))


@pytest.mark.parametrize("asked", [-0.1, 1.0, 3.0, float("nan")])
def test_a_loss_is_a_share(asked: float) -> None:
    with pytest.raises(PlanError, match="no share"):
        search(lambda left: 0.0, asked)


def test_the_net_is_given_as_it_was_where_all_lose_too_much() -> None:
    plan = search(lambda left: 0.5, 0.1)
    assert plan.edits == ()
    assert "loses more" in plan.expected.max_loss.reason
    assert Plan.from_yaml(plan.to_yaml()).expected == plan.expected


def labelled(model: Model, engine: Engine, count: int) -> Inputs:
    """Inputs with the labels that the net itself gives them, so that it gets all right."""
    inputs = some_inputs(count)
    with open_model(engine, model) as runner:
        value = {"prob": model.network().outputs[0]}
        rows = [runner.run(batch, value)["prob"] for batch in inputs.batches(4)]
    return Inputs(inputs.arrays, np.concatenate(rows).argmax(axis=1), "labelled noise")


@pytest.mark.parametrize(("thin", "with_labels"), [(False, False), (True, True)])
def test_in_real_caffe(quick_caffe: Engine, thin: bool, with_labels: bool) -> None:
    model = small_net()
    inputs = labelled(model, quick_caffe, 40) if with_labels else Inputs(some_inputs(40).arrays)
    calibrator = Calibrator(inputs, quick_caffe)
    meter = LossMeter(model, inputs, calibrator, quick_caffe)
    if thin:
        thinner = ThinPlanner(model, ThinSpec(budget=Budget(macs=1.0)), calibrator)
        plan_for, whole = thinner.plan, thinner.original
    else:
        planner = Planner(model, BudgetRequest(Budget(macs=1.0), score="output"), calibrator)
        plan_for, whole = planner.search, planner.original
    plan, surgery = SmallestSearch(0.1, None, whole, plan_for, meter, silent).run()
    found = plan.expected.max_loss
    assert found.figure == ("accuracy lost" if with_labels else "agreement")
    assert found.measured <= 0.1
    again, made = meter.measure(plan)
    assert again.share == pytest.approx(found.measured, abs=1e-6)
    assert plan.edits
    assert surgery is not None
    assert surgery.model.digest == made.model.digest
    left = total_cost(surgery.model).macs / total_cost(model).macs
    assert left == pytest.approx(
        min(one.left for one in found.tried if one.loss is not None and one.loss <= 0.1), rel=1e-5
    )
