"""What was asked stands beside what was reached, in plans of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.budgets import BudgetRequest, plan_budget
from netsurgery.costs import Budget
from netsurgery.linalg.evbmf import evbmf_rank
from netsurgery.network.cost import total_cost
from netsurgery.planning import Plan
from netsurgery.planning.asked import Asked, asked_of_net
from netsurgery.planning.low_rank import LowRankRequest, plan_low_rank
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.surgery import apply


def asked(kind: str, text: str) -> Asked:
    (found,) = plan_low_rank(two_layers(), LowRankRequest([parse_rule(kind, text)])).asked
    return found


def kept_energy(rank: int) -> float:
    values = np.linalg.svd(two_layers().blobs("fc6")[0].array().astype(float), compute_uv=False)
    return float((values[:rank] ** 2).sum() / (values**2).sum())


def test_rules_stand_beside_what_their_ranks_keep() -> None:
    for kind, value in (("energy", 0.9), ("error", 0.3)):
        plan = plan_low_rank(two_layers(), LowRankRequest([parse_rule(kind, f"fc6={value}")]))
        (found,), rank = plan.asked, plan.edits[0].options["rank"]
        energy = kept_energy(rank)
        expected = energy if kind == "energy" else (1 - energy) ** 0.5
        assert found == Asked("fc6", kind, value, pytest.approx(expected, rel=1e-4))
        assert (found.reached >= value) == (kind == "energy")


def test_ranks_stand_beside_ranks() -> None:
    assert asked("rank", "fc6=4") == Asked("fc6", "rank", 4, 4)
    assert asked("rank", "fc6=0.26") == Asked("fc6", "rank", 0.26, 0.25)  # 8 of 32
    weights = two_layers().blobs("fc6")[0].array()
    rank = evbmf_rank(np.linalg.svd(weights, compute_uv=False), weights.shape).rank
    assert asked("rank", "fc6=evbmf") == Asked("fc6", "rank", "evbmf", max(1, rank))


def test_a_budget_stands_beside_what_is_left() -> None:
    model = two_layers()
    plan = plan_budget(model, BudgetRequest(Budget(macs=0.5, bytes=9000)))
    macs, size = plan.asked
    assert (macs.what, macs.asked, size.what, size.asked) == ("macs", 0.5, "bytes", 9000)
    made = total_cost(apply(model, plan))
    assert macs.reached == pytest.approx(made.macs / total_cost(model).macs, rel=1e-4)
    assert macs.reached <= 0.5
    assert 1 < size.reached <= 9000
    assert plan.to_dict()["expected"]["reached"] == {"macs": macs.reached, "bytes": size.reached}
    assert Plan.from_yaml(plan.to_yaml()).asked == plan.asked


def test_thinned_nets_tell_channels_widths_and_budgets() -> None:
    model = two_layers()
    rules = [parse_rule("keep", "fc6=0.26")]
    (share,) = plan_thin(model, ThinSpec(rules)).asked
    assert share == Asked("fc6", "keep", 0.26, 0.25)
    (count,) = plan_thin(model, ThinSpec([parse_rule("keep", "fc6=6")], multiple=4)).asked
    assert (count.asked, count.reached) == (6, 8)
    (width,) = plan_thin(model, ThinSpec(width=5)).asked
    assert width == Asked("fc6", "width", 10, 10)  # an InnerProduct layer counts double
    plan = plan_thin(model, ThinSpec(budget=Budget(params=0.5)))
    (params,) = plan.asked
    made, before = (total_cost(one).params for one in (apply(model, plan), model))
    assert params == Asked(None, "params", 0.5, pytest.approx(made / before, rel=1e-4))
    assert plan.to_dict()["expected"]["reached"] == {"params": params.reached}


def test_plans_of_people_ask_nothing() -> None:
    assert Plan.from_dict({"edits": [{"layer": "fc6", "method": "svd", "rank": 4}]}).asked == ()
    assert asked_of_net({"macs": 0.5}, {}, {}) == (Asked(None, "macs", 0.5, None),)
