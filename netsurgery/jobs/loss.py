"""The inverse question: the smallest net that loses no more than it may."""

from __future__ import annotations

from typing import Callable, Mapping, Optional

from netsurgery.budgets import LossMeter, SmallestSearch
from netsurgery.calibration import Calibrator
from netsurgery.costs import Budget
from netsurgery.errors import Remedy, RequestError
from netsurgery.jobs.models import engine_of
from netsurgery.jobs.pairs import PairRequest, judged_by
from netsurgery.jobs.requests import BudgetedRequest
from netsurgery.network import Model
from netsurgery.planning import Plan
from netsurgery.progress import Progress
from netsurgery.surgery import Planned


def find_smallest(
    model: Model,
    request: BudgetedRequest,
    whole: Mapping[str, float],
    plan_for: Callable[[Budget], Plan],
    calibrator: Optional[Calibrator],
    progress: Progress,
) -> Planned:
    """Return the plan of the smallest net that loses no more than a request allows, and that net.

    Args:
        model: The original.
        request: What may be lost, and what may be left at most.
        whole: What the original costs.
        plan_for: Plans for a budget.
        calibrator: Runs the inputs to fit to, if there are some.
        progress: Told each net that is tried.

    Raises:
        RequestError: There is nothing to measure on.
        PlanError: Even the largest net within the budget loses too much, or the inputs say nothing.
        EngineError: There is no engine, or it refuses a model.
    """
    assert request.max_loss is not None
    pair = request if isinstance(request, PairRequest) else None
    if pair is not None:
        inputs = judged_by(model, pair, calibrator, progress)
    else:
        inputs = calibrator.inputs if calibrator is not None else None
    if inputs is None:
        raise RequestError(
            Remedy("{} is measured: give {} or {}", "max_loss", "inputs", "calibrate")
        )
    meter = LossMeter(
        model,
        inputs,
        calibrator,
        engine_of(request.engine),
        request.task_output,
        pair.output_kinds if pair is not None else {},
        progress,
    )
    search = SmallestSearch(request.max_loss, request.budget, whole, plan_for, meter, progress)
    return search.run()
