"""What is to become of each layer, decided and written down."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from netsurgery.budgets import DEFAULT_METHODS, FOLD, BudgetRequest, Planner, Point, sweep_budgets
from netsurgery.calibration import Calibrator
from netsurgery.costs import Budget
from netsurgery.errors import Remedy, RequestError
from netsurgery.jobs.contradictions import refuse_contradictions
from netsurgery.jobs.estimates import told_beforehand
from netsurgery.jobs.layer_rules import rules_of
from netsurgery.jobs.loss import find_smallest
from netsurgery.jobs.models import ModelLike, engine_of, open_model_like
from netsurgery.jobs.names import PathLike, names_of
from netsurgery.jobs.outputs import PLAN
from netsurgery.jobs.plan_request import PAIR_SUFFIXES, PlanRequest, SweepRequest
from netsurgery.jobs.published import by_recipe
from netsurgery.jobs.quick import SCORE as QUICK_SCORE, quickly, told_untried
from netsurgery.jobs.samples import calibrator_of, fitted_to, with_preset
from netsurgery.jobs.workload import Seconds, Workload, within, work_of_plan
from netsurgery.network import Model
from netsurgery.planning import LowRankRequest, Plan, identify, plan_folds, plan_low_rank
from netsurgery.progress import Progress, ProgressLike, Timing
from netsurgery.surgery import Planned, plan_after_folds
from netsurgery.validation import validated

_LEARNT_ONCE = [("trials",), ("choices",)]

BALANCED = "sqrt"
"""The split of a pair whose layers have singular values alike."""


@dataclass(frozen=True)
class Sweep:
    """What can be had for one budget after another.

    Attributes:
        currency: The cost that the budgets are of.
        points: The budgets, rising, each with its plan or the reason why there is none.
        timings: Where the time went.
    """

    currency: str
    points: Tuple[Point, ...]
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    def to_dict(self) -> List[Dict[str, Any]]:
        """Return the points as plain data, a dictionary each."""
        return [point.to_dict() for point in self.points]


@validated
@by_recipe
def plan(
    model: ModelLike,
    request: PlanRequest,
    out: Optional[PathLike] = None,
    progress: ProgressLike = None,
) -> Plan:
    """Choose what becomes of each layer.

    Args:
        model: The network with its weights, or its files.
        request: Rules or a budget, and how to keep to them.
        out: A YAML file for the plan. What a search for a budget measures is kept beside it, under
            the same name with ``.measured.json`` behind it, from which the next run goes on.
        progress: Told each layer or step.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing, or ``out`` is no name
            for a plan.
        PlanError: A rule cannot be followed, or the budget not be met.
        NetworkError: Prototxt and weights do not belong together.
        NetsurgeryError: A file is not what it should be, or cannot be written.
    """
    refuse_contradictions("plan", request)
    path = None if out is None else PLAN.checked(out)
    chooser = Chooser(request, _beside(path), predict=True)
    if request.searched is None and request.calibrate is not None:
        raise RequestError(
            Remedy("rules need no inputs: give {} to apply or compress", "calibrate")
        )
    model, progress = open_model_like(model), Progress.of(progress)
    calibrator = calibrator_of(model, request, progress)
    work = work_of_plan(model, request, fitted_to(calibrator))
    with told_beforehand(progress, "plan", work, request.cache), progress.task("planning"):
        made = chooser.choose(model, calibrator, progress).plan
    made = with_preset(replace(made, model=identify(model)), request)
    if path is not None:
        made.save(PLAN.ready(path))
    return replace(made, timings=progress.timings)


@validated
@by_recipe
def sweep(
    model: ModelLike,
    request: SweepRequest,
    out: Optional[PathLike] = None,
    progress: ProgressLike = None,
) -> Sweep:
    """Plan for one budget after another, and say what each loses.

    Args:
        model: The network with its weights, or its files.
        request: The budgets, and how to keep to them.
        out: As for `plan`; the plans have the share in their names, ``plan.0.3.yaml`` and so on.
        progress: Told each layer or step.

    Raises:
        RequestError: What is asked for contradicts itself or says nothing, or ``out`` is no name
            for a plan.
        PlanError: Inputs or a metric are missing.
        NetworkError: Prototxt and weights do not belong together.
        NetsurgeryError: A file is not what it should be, or cannot be written.
    """
    refuse_contradictions("plan", request)
    path = None if out is None else PLAN.checked(out)
    chooser = Chooser(with_last_share(request), _beside(path), predict=True)
    assert chooser.budget is not None
    model, progress = open_model_like(model), Progress.of(progress)
    calibrator = calibrator_of(model, request, progress)
    work = _work_of_sweep(model, request, fitted_to(calibrator))
    with told_beforehand(progress, "sweep", work, request.cache), progress.task("planning"):
        runs = quickly(calibrator) if request.quick else calibrator
        measured = 0 if request.quick else request.measured
        planner = Planner(model, chooser.budget, runs, progress)
        points = sweep_budgets(planner, request.currency, request.sweep, measured)
    files = identify(model)

    def told(plan: Plan) -> Plan:
        if request.quick and calibrator is not None:
            plan = told_untried(plan, len(calibrator.inputs), joint=bool(plan.edits))
        return with_preset(replace(plan, model=files), request)

    points = [replace(point, plan=point.plan and told(point.plan)) for point in points]
    for point in points:
        if path is not None and point.plan is not None:
            one = path.with_name(f"{path.stem}.{point.share:g}{path.suffix}")
            point.plan.save(PLAN.ready(one))
    return Sweep(request.currency, tuple(points), progress.timings)


class Chooser:
    """Makes the plan that a request asks for; what can be refused without a model is, at once.

    Attributes:
        budget: What is asked of a plan that keeps to a budget, if one is.
    """

    def __init__(
        self, request: PlanRequest, notes: Optional[str] = None, predict: bool = False
    ) -> None:
        """Take in what is asked.

        Args:
            request: The request.
            notes: A file in which evaluations or times are kept, for the next run to go on from.
            predict: Predict errors also where a rank is given outright.

        Raises:
            RequestError: It says nothing.
            PlanError: A rule is not well formed; a method or score is unknown.
        """
        self._request = request
        self.budget = _budget_request(request, notes) if request.searched is not None else None
        self._low_rank = None if self.budget else _low_rank_request(request, predict)

    def choose(self, model: Model, calibrator: Optional[Calibrator], progress: Progress) -> Planned:
        """Return the plan for a model, and what it makes of it where that had to be measured.

        Raises:
            PlanError: A rule cannot be followed, or the budget not be met.
            NetworkError: Prototxt and weights do not belong together.
        """
        low_rank, keep = self._low_rank, names_of(self._request.keep)
        if self.budget is not None and self._request.quick and calibrator is not None:
            planner = Planner(model, self.budget, quickly(calibrator), progress)
            made = planner.search()
            return Planned(told_untried(made, len(calibrator.inputs), joint=bool(made.edits)))
        if self.budget is not None:
            planner = Planner(model, self.budget, calibrator, progress)
            if self._request.max_loss is None:
                return planner.measure(Planned(planner.search()))
            whole, search = planner.original, planner.search
            found = find_smallest(model, self._request, whole, search, calibrator, progress)
            return planner.measure(found)
        if low_rank is None:
            return Planned(plan_folds(model, keep))
        if not self._request.fold_batchnorm:
            return Planned(plan_low_rank(model, low_rank, progress))
        return Planned(
            plan_after_folds(model, lambda folded: plan_low_rank(folded, low_rank, progress), keep)
        )


def _work_of_sweep(model: Model, request: SweepRequest, inputs: Optional[int]) -> Seconds:
    """What is learnt of layers serves all budgets; each net that is measured is made."""
    nets = len(request.sweep) if request.measured is None else request.measured
    work, score = Workload.of(model), request.score or ("effect" if inputs else "energy")
    found = work.budget(inputs, score, nets)
    once: Seconds = {path: found.pop(path) for path in list(found) if path in _LEARNT_ONCE}
    return within("planning", {**within("searches", once), **found})


def with_last_share(request: SweepRequest) -> SweepRequest:
    """Return the request with the largest of its budgets beside those that hold for all.

    Raises:
        RequestError: There are none, they do not rise, or one of the same currency is given
            already.
    """
    if not request.sweep:
        raise RequestError(Remedy("say which budgets to plan for: give {}", "sweep"))
    if sorted(set(request.sweep)) != list(request.sweep):
        raise RequestError(Remedy("{} does not rise from one budget to the next", "sweep"))
    largest = {request.currency: request.sweep[-1]}
    if request.budget is None:
        return replace(request, budget=Budget(**largest))
    if request.currency in request.budget.given:
        raise RequestError(
            Remedy(f"{{}} already gives a budget of {request.currency}; give one of both", "sweep")
        )
    return replace(request, budget=replace(request.budget, **largest))


def checked_suffixes(suffixes: Sequence[str]) -> Tuple[str, ...]:
    """Return suffixes that tell the layers of a pair, or of three or four, from each other.

    Raises:
        RequestError: They do not.
    """
    found = tuple(suffixes)
    if len(found) not in (2, 3, 4) or len(set(found)) != len(found) or not all(found):
        told = ",".join(found)
        raise RequestError(f"{told!r} is not two different suffixes, or three, or four")
    return found


def _beside(path: Optional[Path]) -> Optional[str]:
    return None if path is None else str(path.with_name(f"{path.name}.measured.json"))


def _budget_request(request: PlanRequest, notes: Optional[str]) -> BudgetRequest:
    assert request.searched is not None
    methods = names_of(request.methods) or DEFAULT_METHODS
    return BudgetRequest(
        request.searched,
        (*methods, FOLD) if request.fold_batchnorm else methods,
        request.score or (QUICK_SCORE if request.quick else None),
        request.metric,
        names_of(request.keep),
        request.rois,
        request.multiple,
        request.refit,
        {**_balance(request), **_edit_options(request)},
        notes,
        engine_of(request.engine),
        request.seed,
        request.time_limit,
    )


def _low_rank_request(request: PlanRequest, predict: bool) -> Optional[LowRankRequest]:
    """What the rules say, or None to fold only."""
    given = {"rank": request.rank, "energy": request.energy, "error": request.error}
    rules = [rule for kind, amounts in given.items() for rule in rules_of(kind, amounts)]
    if not rules and request.fold_batchnorm:
        return None
    if not rules:
        raise RequestError(
            Remedy(
                "say what to compress: {} LAYER=RANK, {} SHARE, {} ERROR or {}",
                *("rank", "energy", "error", "fold_batchnorm"),
            )
        )
    options = _edit_options(request)
    options.update({"fit": request.fit} if request.fit else {})
    return LowRankRequest(
        rules,
        names_of(request.keep),
        request.method,
        request.allow_growth,
        options,
        predict,
        request.usual_split,
    )


def _balance(request: PlanRequest) -> Dict[str, str]:
    return {"split": request.usual_split} if request.usual_split else {}


def _edit_options(request: PlanRequest) -> Dict[str, Any]:
    """The options that every edit gets, without those that are as they are by default."""
    suffixes = checked_suffixes(request.suffixes)
    if request.templates is not None and not os.path.isdir(request.templates):
        raise RequestError(Remedy("{} is no folder", "templates"), file=request.templates)
    chosen = {
        "split": request.split,
        "suffixes": list(suffixes) if suffixes != PAIR_SUFFIXES else None,
        "templates": os.fspath(request.templates) if request.templates else None,
    }
    return {name: value for name, value in chosen.items() if value is not None}
