"""The planner that keeps to a budget: a form for every layer, so that least is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Tuple

from netsurgery.budgets.choices import LayerChoices
from netsurgery.budgets.correction import Correction
from netsurgery.budgets.effect import Effect
from netsurgery.budgets.joint import measure_jointly, without_fits
from netsurgery.budgets.metric import Metric, make_metric
from netsurgery.budgets.order import REFIT, Order
from netsurgery.budgets.output import Output
from netsurgery.budgets.request import FOLD, THIN, BudgetRequest
from netsurgery.budgets.scores import Energy, Score
from netsurgery.budgets.search import Allocation, select, tables_of
from netsurgery.budgets.thinner import Start, thin_shares, thin_to
from netsurgery.calibration import Calibrator
from netsurgery.costs import (
    LATENCY,
    Aims,
    Budget,
    Clock,
    NetCost,
    all_six_digits,
    counted,
    quick_enough,
    settle,
    six_digits,
)
from netsurgery.engine import Capability, choose
from netsurgery.errors import PlanError
from netsurgery.measurements import open_store
from netsurgery.network import Model, require_fit
from netsurgery.planning import Expected, Plan, plan_folds, refuse_idle_keeps
from netsurgery.progress import Progress, silent
from netsurgery.surgery import Planned, apply

Found = Tuple[NetCost, List[LayerChoices], Dict[str, str]]
_UPGRADE = "run `netsurgery upgrade` first"


def plan_budget(
    model: Model,
    request: BudgetRequest,
    calibrator: Optional[Calibrator] = None,
    progress: Progress = silent,
) -> Plan:
    """Choose a form for every layer, so that the net keeps to its budgets and least is lost.

    Losses of layers add up (the logarithm of the product of energies, Zhang et al. 2015); among
    all selections that keep to every budget, the best is found exactly. With ``"thin"`` among the
    methods the search is repeated from nets that were thinned to more and more of the budget.

    Args:
        model: The network with its weights.
        request: What the user asks for.
        calibrator: Runs inputs, to score by outputs, to fit, and to measure the result once.
        progress: Told each layer or step.

    Returns:
        The edits, each with what is predicted of it and what came second; why other layers stay;
        and what the whole is expected to lose and to cost.

    Raises:
        PlanError: The budget cannot be met, a method or score is unknown, or inputs are missing.
        NetworkError: Prototxt and weights do not belong together.
    """
    return Planner(model, request, calibrator, progress).plan()


class Planner:
    """Plans for one model; what was learnt of its layers serves every budget.

    Attributes:
        original: What the net costs before anything is done to it.
    """

    def __init__(
        self,
        model: Model,
        request: BudgetRequest,
        calibrator: Optional[Calibrator] = None,
        progress: Progress = silent,
    ) -> None:
        """Prepare.

        Args:
            model: The network with its weights.
            request: What the user asks for.
            calibrator: Runs inputs, to score by outputs, to fit, and to measure the result once.
            progress: Told each layer or step.

        Raises:
            PlanError: Inputs or a metric are missing, or the net is in the oldest layout.
            NetworkError: Prototxt and weights do not belong together.
        """
        require_fit(model)
        if model.prototxt.version == "V0":
            problem = "a net in Caffe's oldest layout (V0) has no shapes to count"
            raise PlanError(problem, file=model.prototxt.file, remedy=_UPGRADE)
        refuse_idle_keeps(request.keep, [(one.name, one.type) for one in model.prototxt.layers])
        self.model, self.request, self.calibrator = model, request, calibrator
        self.progress = progress
        self._store = open_store(request.notes)
        self._clock: Optional[Clock] = None
        if LATENCY in request.budget.given:
            engine = request.engine or (calibrator.engine if calibrator else None)
            chosen = choose(engine, [model.network()], [Capability.TIME])
            self._clock = Clock(chosen, self._store)
        self._score = self._make_score()
        self._folds = plan_folds(model, request.keep) if FOLD in request.methods else Plan()
        self._folded = apply(model, self._folds) if self._folds.edits else model
        self.original = NetCost(model, request.rois, self._clock).total
        self._correction = Correction()
        self._starts: Dict[float, Start] = {}
        self._tables: Dict[float, Found] = {}

    def plan(self, budget: Optional[Budget] = None) -> Plan:
        """Return the best plan for a budget, and what it does to the net, measured.

        Args:
            budget: In the currencies of the request; theirs if None.

        Raises:
            PlanError: The budget cannot be met; the text says what can be had.
        """
        return self.measure(Planned(self.search(budget))).plan

    def measure(self, planned: Planned) -> Planned:
        """Return a plan, carried out once, with what it does to the net beside the prediction."""
        if not planned.plan.edits:
            return planned
        if self.calibrator is not None:
            rois = self.request.rois
            with self.progress.task("joint result"):
                planned = measure_jointly(self.model, planned, self.calibrator, rois, self.progress)
        plan, surgery = planned
        if isinstance(self._score, Metric):
            made = surgery.model if surgery else None
            plan = self._score.measured(self.model, plan, made)
        return Planned(self._correction.learn(plan), surgery)

    def correct(self, plan: Plan) -> Plan:
        """Return a plan with what it will lose, by what those lost that were measured so far."""
        return self._correction.apply(plan) if plan.edits else plan

    def search(self, budget: Optional[Budget] = None) -> Plan:
        """Return the best plan for a budget, with what is predicted of it.

        Raises:
            PlanError: The budget cannot be met; the text says what can be had.
        """
        try:
            return self._plan(budget)
        finally:
            if self._clock is not None:
                self._clock.close()

    def _plan(self, budget: Optional[Budget]) -> Plan:
        request = self.request if budget is None else replace(self.request, budget=budget)
        limits = request.budget.limits(self.original)
        plan = self._write(request, limits)
        return plan if self._clock is None else self._settle(plan, request, limits)

    def _write(self, request: BudgetRequest, limits: Mapping[str, float]) -> Plan:
        start, selection = self._best(request, limits)
        order = Order(selection, request, self.calibrator, limits, start.changed)
        order.write()
        again = {edit.layer for edit in order.edits if edit.method == REFIT}
        # What is fitted once more in the end need not be fitted before.
        thinned = [
            edit
            for edit in (start.plan or Plan()).edits
            if edit.method != REFIT or edit.layer not in again
        ]
        return Plan(
            (*self._folds.edits, *thinned, *order.edits),
            (*self._folds.skipped, *order.skipped),
            expected=self._expected(request, start, selection),
        )

    def _settle(self, plan: Plan, request: BudgetRequest, limits: Mapping[str, float]) -> Plan:
        """Return a plan that takes no longer than it may, timed as a whole."""
        clock, whole = self._clock, self.original[LATENCY]
        assert clock is not None

        def share(made: Plan) -> Optional[float]:
            smaller = apply(self.model, without_fits(made))
            return clock.share(self.model, smaller) if made.edits else None

        def again(seconds: float) -> Plan:
            return self._write(request, {**limits, LATENCY: seconds})

        timed = settle(plan, share, again, Aims(limits[LATENCY], whole), self.progress)
        if not timed:
            return plan
        kept = quick_enough(timed, limits[LATENCY] / whole, self.model.prototxt.file)
        took, best = min(kept, key=lambda one: one[1].expected.loss or 0.0)
        left = {**best.expected.left, LATENCY: counted(took * whole)}
        return replace(best, expected=replace(best.expected, left=left))

    def _best(
        self, request: BudgetRequest, limits: Mapping[str, float]
    ) -> Tuple[Start, Allocation]:
        found: List[Tuple[Start, Allocation]] = []
        problem: Optional[PlanError] = None
        for share in (1.0, *(thin_shares(request) if THIN in request.methods else ())):
            try:
                start = self._start(share)
            except PlanError:
                break  # thinner still is no more possible
            try:
                found.append((start, self._select(share, start, limits)))
            except PlanError as error:
                problem = problem or error
            if found and found[0][1].loss == 0:
                break  # as it is, or as good: thinning cannot lose less
        if problem is not None and not found:
            raise problem
        start, best = min(found, key=lambda pair: pair[0].loss + pair[1].loss)
        least = min(one.loss + selection.loss - selection.gap for one, selection in found)
        return start, replace(best, gap=start.loss + best.loss - least)

    def _start(self, share: float) -> Start:
        if share not in self._starts:
            if share == 1.0:
                self._starts[share] = Start(self._folded, None, 0.0, set())
            else:
                with self.progress.task("thinned"):
                    self._starts[share] = thin_to(
                        self._folded, self.request, share, self._score, self.calibrator
                    )
        return self._starts[share]

    def _select(self, share: float, start: Start, limits: Mapping[str, float]) -> Allocation:
        if share not in self._tables:
            cost = NetCost(start.model, self.request.rois, self._clock)
            self._score.prepare(start.model)
            found = tables_of(start.model, self.request, self._score, cost, self.progress)
            self._tables[share] = (cost, *found)
        cost, tables, skipped = self._tables[share]
        seconds = self.request.time_limit
        return select(start.model, tables, skipped, cost, limits, self.original, seconds)

    def _make_score(self) -> Score:
        name = self.request.chosen_score(self.calibrator is not None)
        if name == "metric":
            return make_metric(self.request.metric, self._store, self.calibrator, self.progress)
        if self.calibrator is not None and name == Output.name:
            return Output(self.calibrator, self.request)
        if self.calibrator is not None and name == Effect.name:
            return Effect(self.calibrator, self.request, self.progress)
        return Energy()

    def _expected(self, request: BudgetRequest, start: Start, selection: Allocation) -> Expected:
        loss = start.loss + selection.loss
        return replace(
            self._score.predict(self.model, loss),
            score=self._score.name,
            budget=all_six_digits(request.budget.given),
            loss=six_digits(loss),
            gap=six_digits(selection.gap) if selection.gap else None,
            whole={name: counted(value) for name, value in self.original.items()},
            left={name: counted(value) for name, value in selection.total.items()},
        )
