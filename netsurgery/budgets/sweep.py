"""One plan after another, for budgets from small to large: what a net is worth at what cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from netsurgery.budgets.planner import Planner
from netsurgery.costs import CURRENCIES, MACS, Budget, parse_share
from netsurgery.errors import PlanError
from netsurgery.linalg import even_numbers
from netsurgery.planning import Plan
from netsurgery.surgery import Planned

MOST = 100
"""Plans of a sweep: more are a slip of the keyboard."""


@dataclass(frozen=True)
class Point:
    """A budget of a sweep, and what can be had for it.

    Attributes:
        share: Of what the net costs.
        plan: The plan; None where the budget cannot be met.
        problem: Why not.
    """

    share: float
    plan: Optional[Plan]
    problem: Optional[str] = None

    def to_dict(self) -> Dict[str, Any]:
        """Return the point as plain data."""
        if self.plan is None:
            return {"budget": self.share, "problem": self.problem}
        facts = self.plan.expected
        whole, left, told = facts.whole, facts.left, facts.to_dict()
        return {
            "budget": self.share,
            **{name: left[name] / whole[name] for name in left if whole.get(name)},
            "loss": facts.loss,
            **{name: told[name] for name in ("predicted", "metric", "corrected") if name in told},
            "measured": dict(facts.measured or {}),
        }


def parse_sweep(text: str) -> Tuple[str, Tuple[float, ...]]:
    """Read ``0.3:0.9:0.1``, or with another currency than MACs, ``params=30%:90%:10%``.

    Returns:
        The currency, and the shares, rising.

    Raises:
        PlanError: The text is not of that form.
    """
    name, _, numbers = text.rpartition("=")
    parts = numbers.split(":")
    try:
        low, high, step = (parse_share(part, f"a share, in the sweep {text!r}") for part in parts)
        problem = f"the sweep {text!r} is not FROM:TO:STEP, rising, of {MOST} steps at most"
        fine = 0 < low <= high and step > 0 and (high - low) / step < MOST
    except ValueError:
        problem, fine = f"the sweep {text!r} is not FROM:TO:STEP", False
    except PlanError as error:
        problem, fine = error.problem, False
    if not fine or (name and name not in CURRENCIES):
        raise PlanError(problem, remedy="write 0.3:0.9:0.1, or params=30%:90%:10%")
    count = int((high - low) / step + 1e-6) + 1
    return name or MACS, tuple(round(low + number * step, 6) for number in range(count))


def sweep_budgets(
    planner: Planner, currency: str, shares: Sequence[float], measured: Optional[int] = None
) -> List[Point]:
    """Plan for one budget after another; other budgets of the planner's request hold beside it.

    Args:
        planner: Its request must hold a budget in that currency.
        currency: ``"macs"``, ``"params"``, ``"bytes"`` or ``"latency"``.
        shares: The budgets.
        measured: How many of the plans are carried out and measured, from the first to the last;
            what is predicted of the others is corrected by these. All if None.
    """
    found: List[Point] = []
    for share in planner.progress.each(shares, "searches", "budgets", "{:g}".format):
        budget: Budget = replace(planner.request.budget, **{currency: share})
        try:
            found.append(Point(share, planner.search(budget)))
        except PlanError as error:
            found.append(Point(share, None, error.problem))
    changing = [number for number, point in enumerate(found) if point.plan and point.plan.edits]
    most = len(changing) if measured is None else measured
    chosen = [changing[place] for place in even_numbers(len(changing), most)]
    for numbers, finish in (
        (chosen, lambda plan: planner.measure(Planned(plan)).plan),
        ([number for number in changing if number not in chosen], planner.correct),
    ):
        for number in numbers:
            plan = found[number].plan
            assert plan is not None
            found[number] = replace(found[number], plan=finish(plan))
    return found
