"""What to do with a model that may cost so much and no more: choices, and the best of them."""

from netsurgery.budgets.planner import Budget, BudgetRequest, Planner, plan_budget

__all__ = ["Budget", "BudgetRequest", "Planner", "plan_budget"]
