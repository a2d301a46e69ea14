"""The planner that keeps to a budget: a form for every layer, so that least is lost."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from netsurgery.budgets.costs import NetCost
from netsurgery.budgets.joint import Progress, measure_jointly
from netsurgery.budgets.order import Order
from netsurgery.budgets.output import Output
from netsurgery.budgets.scores import Energy, Score, facts_of
from netsurgery.budgets.search import Selection, select, tables_of
from netsurgery.budgets.thinner import Start, starts
from netsurgery.budgets.wishes import FOLD, THIN, Budget, BudgetWishes
from netsurgery.calibration.statistics import Statistics
from netsurgery.errors import PlanError
from netsurgery.network.doctor.fit import require_fit
from netsurgery.network.model import Model
from netsurgery.planning.fold import plan_folds
from netsurgery.planning.plan import Plan
from netsurgery.surgery import apply

__all__ = ["Budget", "BudgetWishes", "plan_budget"]


def plan_budget(
    model: Model,
    wishes: BudgetWishes,
    statistics: Optional[Statistics] = None,
    progress: Progress = lambda step: None,
) -> Plan:
    """Choose a form for every layer, so that the net keeps to its budgets and least is lost.

    Losses of layers add up (the logarithm of the product of energies, Zhang et al. 2015); among
    all selections that keep to every budget, the best is found exactly. With ``"thin"`` among the
    methods the search is repeated from nets that were thinned to more and more of the budget.

    Args:
        model: The network with its weights.
        wishes: What the user asks for.
        statistics: Runs inputs, to score by outputs, to fit, and to measure the result once.
        progress: Called with the name of each layer or step.

    Returns:
        The edits, each with what is predicted of it and what came second; why other layers stay;
        and what the whole is expected to lose and to cost.

    Raises:
        PlanError: The budget cannot be met, a method or score is unknown, or inputs are missing.
        NetworkError: Prototxt and weights do not belong together.
    """
    require_fit(model)
    if model.prototxt.version == "V0":
        problem = "a net in Caffe's oldest layout (V0) has no shapes to count"
        raise PlanError(problem, file=model.prototxt.file, remedy="run `netsurgery upgrade` first")
    planner = _Planner(model, wishes, statistics, progress)
    plan = planner.plan()
    if statistics is None or not plan.edits:
        return plan
    return measure_jointly(model, plan, statistics, wishes.rois, progress)


class _Planner:
    """Decides for one model."""

    def __init__(
        self,
        model: Model,
        wishes: BudgetWishes,
        statistics: Optional[Statistics],
        progress: Progress,
    ) -> None:
        self.wishes, self.statistics, self.progress = wishes, statistics, progress
        self.folds = plan_folds(model) if FOLD in wishes.methods else Plan()
        self.model = apply(model, self.folds) if self.folds.edits else model
        self.original = NetCost(model, wishes.rois).total
        self.limits = wishes.budget.limits(self.original)
        self.score = self._score()

    def plan(self) -> Plan:
        """Return the best of what the search finds from every start."""
        start, selection = self._best()
        order = Order(selection, self.wishes, self.statistics, self.limits, start.changed)
        order.write()
        thinned = start.plan or Plan()
        edits = (*self.folds.edits, *thinned.edits, *order.edits)
        left = (*self.folds.left, *order.left)
        return Plan(edits, left, expected=self._expected(start, selection))

    def _best(self) -> Tuple[Start, Selection]:
        found: List[Tuple[Start, Selection]] = []
        problem: Optional[PlanError] = None
        candidates = [Start(self.model, None, 0.0, set())]
        if THIN in self.wishes.methods:
            candidates += starts(self.model, self.wishes, self.score, self.statistics)
        for start in candidates:
            try:
                found.append((start, self._select(start)))
            except PlanError as error:
                problem = error
        if problem is not None and not found:
            raise problem
        return min(found, key=lambda pair: pair[0].loss + pair[1].loss)

    def _select(self, start: Start) -> Selection:
        cost = NetCost(start.model, self.wishes.rois)
        tables, left = tables_of(start.model, self.wishes, self.score, cost, self.progress)
        return select(start.model, tables, left, cost, self.limits, self.original)

    def _score(self) -> Score:
        name = self.wishes.chosen_score(self.statistics is not None)
        if name == "output":
            assert self.statistics is not None
            return Output(self.statistics)
        return Energy()

    def _expected(self, start: Start, selection: Selection) -> Dict[str, Any]:
        budget: Mapping[str, Any] = facts_of(self.wishes.budget.given)
        total = {name: round(value) for name, value in selection.total.items()}
        return {
            "score": self.score.name,
            "budget": dict(budget),
            "loss": float(f"{start.loss + selection.loss:.6g}"),
            "whole": {name: round(value) for name, value in self.original.items()},
            "left": total,
        }
