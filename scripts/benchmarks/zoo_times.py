"""Forward times of the zoo at half its MACs, beside the MACs."""

from __future__ import annotations

import statistics
from functools import partial
from typing import Callable, Sequence

import netsurgery as ns
from benchmarks.setting import Figure, Setting
from benchmarks.zoo import Found, Row, every_pair, figure_of
from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.costs.stopwatch import in_turn
from netsurgery.engine import Engine
from netsurgery.network.cost import total_cost

BUDGET = 0.5
COLUMNS: dict[str, Callable[[Found], str]] = {
    "quicker": lambda one: f"{one['before'] / one['after']:.2f}"
}


def measure(setting: Setting) -> Figure:
    """Plan every model of the zoo for half its MACs, and time it in every engine."""
    thin: dict[str, ns.Model] = {}
    found = list(every_pair(setting, "zoo_times", partial(_measure, thin)))
    title = f"Forward time of the zoo at {BUDGET:g} of its MACs"
    return figure_of(found, title, COLUMNS, _summary, "Not measured:")


def _measure(thin: dict[str, ns.Model], model: ns.Model, engine: Engine) -> Found:
    key = str(model.weights and model.weights.file)
    if key not in thin:
        # Only the last: the same model comes once for every engine.
        thin.clear()
        plan = plan_budget(model, BudgetRequest(Budget(macs=BUDGET), score="energy"))
        thin[key] = ns.apply(model, plan)
    times = in_turn(engine, model, thin[key])
    macs = [total_cost(one).macs or 0 for one in (model, thin[key])]
    return {"macs": macs[0] / macs[1], **times._asdict()}


def _summary(timed: Sequence[Row]) -> str:
    parts = []
    for engine in sorted({engine for _, engine, _ in timed}):
        own = [one for _, name, one in timed if name == engine]
        ratios = [one["before"] / one["after"] for one in own]
        macs = statistics.median(one["macs"] for one in own)
        parts.append(
            f"{engine}: {statistics.median(ratios):.2f} times quicker in the median of {len(own)} "
            f"({min(ratios):.2f} to {max(ratios):.2f}), with {macs:.2f} times fewer MACs"
        )
    return f"**{'; '.join(parts)}.**"
