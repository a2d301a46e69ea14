"""The speed-up that plans for latency promise, and what of it is reached."""

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

BUDGET = 0.7
ENOUGH = 0.9
COLUMNS: dict[str, Callable[[Found], str]] = {
    "promised": lambda one: f"{one['promised']:.2f}",
    "reached": lambda one: f"{one['reached']:.2f}",
    "reached / promised": lambda one: f"{one['reached'] / one['promised']:.3f}",
}


def measure(setting: Setting) -> Figure:
    """Plan every model of the zoo for a share of its time, and time it again."""
    found = list(every_pair(setting, "zoo_latency", partial(_measure, setting)))
    title = f"The zoo planned for {BUDGET:g} of its forward time"
    return figure_of(found, title, COLUMNS, _summary, "No plan:")


def _measure(setting: Setting, model: ns.Model, engine: Engine) -> Found:
    notes = str(setting.work / f"seconds-{engine.name}.json")
    request = BudgetRequest(Budget(latency=BUDGET), score="energy", notes=notes, engine=engine)
    plan = plan_budget(model, request)
    thin = ns.apply(model, plan)
    whole, left = (costs["latency"] for costs in (plan.expected.whole, plan.expected.left))
    times = in_turn(engine, model, thin)
    macs = [total_cost(one).macs or 0 for one in (model, thin)]
    return {
        "macs": macs[0] / macs[1],
        "promised": whole / left,
        "reached": 1 / times.share,
        **times._asdict(),
    }


def _summary(planned: Sequence[Row]) -> str:
    shares = [one["reached"] / one["promised"] for _, _, one in planned]
    if not shares:
        return "**No plan.**"
    enough = sum(share >= ENOUGH for share in shares)
    return (
        f"**{enough} of {len(shares)} plans reach at least {ENOUGH} of the speed-up they promised; "
        f"in the median {statistics.median(shares):.3f}, at least {min(shares):.3f}.** "
        "Promised is what the planner timed, reached what is timed afterwards: both nets in turn, "
        "medians of the least of each turn, in three processes each."
    )
