"""A thinned net takes no more than its share of the time, timed as a whole."""

from __future__ import annotations

import pytest
from budget_nets import small_net

from netsurgery.costs import Budget, clock
from netsurgery.costs.stopwatch import Stopwatch, Times
from netsurgery.engine import Engine
from netsurgery.errors import PlanError
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.planning import ThinSpec, plan_thin
from netsurgery.surgery import apply


def seconds_of(net: Model) -> float:
    return total_cost(net).macs * 1e-9


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers take what their MACs say."""
    monkeypatch.setattr(Stopwatch, "time", lambda self, net, anew=False: seconds_of(net))


def request(engine: str, budget: Budget) -> ThinSpec:
    return ThinSpec(budget=budget, criterion="l1", engine=engine)


@pytest.mark.parametrize("more", [1.0, 1.2, 0.8])
@pytest.mark.usefixtures("timed")
def test_what_is_promised_was_timed(more: float, opencv: str, monkeypatch) -> None:
    model = small_net()

    def together(engine: Engine, before: Model, after: Model) -> Times:
        return Times(seconds_of(before), seconds_of(after) * more)

    monkeypatch.setattr(clock, "in_turn", together)
    plan = plan_thin(model, request(opencv, Budget(latency=0.6)))
    left, whole = (costs["latency"] for costs in (plan.expected.left, plan.expected.whole))
    # A channel of conv1, of which there are 16, takes up to a tenth of the net with its readers.
    assert 0.5 * whole <= left <= 0.6 * whole
    thinned = apply(model, plan)
    assert left == pytest.approx(more * seconds_of(thinned), rel=1e-5)  # of six digits


@pytest.mark.usefixtures("timed")
def test_where_time_goes_by_macs_the_same_channels_stay(opencv: str, monkeypatch) -> None:
    # The whole is timed as it was planned, so that the first attempt is the last.
    monkeypatch.setattr(clock, "in_turn", lambda _, *nets: Times(*map(seconds_of, nets)))
    budgets = Budget(latency=0.6), Budget(macs=0.6)
    found = [plan_thin(small_net(), request(opencv, budget)) for budget in budgets]
    assert found[0].edits == found[1].edits != ()
    assert found[0].asked[0].what == "latency"


@pytest.mark.usefixtures("timed")
def test_a_net_that_gets_no_quicker_is_refused(opencv: str, monkeypatch) -> None:
    monkeypatch.setattr(clock, "in_turn", lambda *_: Times(1.0, 1.2))
    with pytest.raises(PlanError, match=r"timed as a whole, .* takes 1\.200 of"):
        plan_thin(small_net(), request(opencv, Budget(latency=0.6)))


@pytest.mark.usefixtures("timed")
def test_all_of_the_time_cuts_nothing(opencv: str) -> None:
    assert plan_thin(small_net(), request(opencv, Budget(latency=1.0))).edits == ()


def test_in_real_caffe(caffe: str) -> None:
    plan = plan_thin(small_net(), request(caffe, Budget(latency=0.9, macs=0.5)))
    assert plan.expected.left["macs"] <= 0.5 * plan.expected.whole["macs"]
    assert 0 < plan.expected.left["latency"] <= 0.9 * plan.expected.whole["latency"]
