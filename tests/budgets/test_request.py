"""What a request for a budget comes to: shares to try, options of forms, and words for none."""

from __future__ import annotations

import pytest
from small_models import two_layers

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.budgets.thinner import thin_shares
from netsurgery.errors import PlanError
from netsurgery.methods import low_rank_method


def shares(**budget: float) -> list:
    return list(thin_shares(BudgetRequest(Budget(**budget))))


def test_nets_are_thinned_by_tenths_down_to_the_budget() -> None:
    assert shares(macs=0.65) == [0.9, 0.8, 0.7, 0.65]
    assert shares(macs=0.65, params=0.8) == [0.9, 0.8, 0.7, 0.65]
    assert shares(macs=1.0) == []
    # A size says nothing of a share.
    down = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    assert shares(bytes=20_000) == pytest.approx(down)
    assert shares(bytes=20_000, macs=0.5) == [0.9, 0.8, 0.7, 0.6, 0.5]


def test_a_form_gets_the_options_that_its_method_has() -> None:
    options = {"split": "sqrt", "fit": "data", "seed": 3, "suffixes": ("_a", "_b")}
    request = BudgetRequest(Budget(macs=0.5), options=options)
    svd, tucker = low_rank_method("svd"), low_rank_method("tucker")
    assert request.edit_options(svd) == {
        name: value for name, value in options.items() if name in svd.options
    }
    found = request.edit_options(tucker)
    # Three layers need three suffixes.
    assert set(found) == (set(options) & set(tucker.options)) - {"suffixes"}


def test_the_least_that_can_be_had_is_told() -> None:
    for budget, alone in ((Budget(macs=0.001), False), (Budget(macs=0.001, params=0.001), True)):
        with pytest.raises(PlanError, match="the least that can be had is") as told:
            plan_budget(two_layers(), BudgetRequest(budget, ("svd",)))
        assert (", each alone" in str(told.value)) == alone
