"""A plan as a table."""

from __future__ import annotations

from typing import Any, Sequence

from netsurgery.methods import Edit
from netsurgery.planning import Plan, Skipped
from netsurgery.report.asked import asked_lines, loss_lines, with_asked
from netsurgery.report.console import count, print_table, print_text

_COLUMNS = ("layer", "method", ">rank", ">breaks even", ">weights", ">after", ">energy", ">error")


def print_plan(plan: Plan) -> None:
    """Print what a plan does, and what it leaves alone and why."""
    if plan.edits:
        rows = [_row(edit) for edit in plan.edits]
        print_table(
            *with_asked(_COLUMNS, rows, [edit.predicted for edit in plan.edits], 2),
            legend=("breaks even", "energy", "error"),
        )
    for line in (*asked_lines(plan.asked), *loss_lines(plan.expected)):
        print_text(line)
    for line in left_lines(plan.skipped):
        print_text(line)


def _row(edit: Edit) -> tuple[str, ...]:
    facts = edit.predicted
    before, after = facts.weights or (None, None)
    return (
        edit.layer,
        edit.method,
        _ranks(edit.options.get("rank")),
        _ranks(facts.breakeven),
        count(before),
        count(after),
        _number(facts.energy, ".4f"),
        _number(facts.error, ".4g"),
    )


def _ranks(ranks: Any) -> str:
    return " ".join(map(count, ranks)) if isinstance(ranks, list) else count(ranks)


def _number(value: Any, form: str) -> str:
    return "-" if value is None else format(value, form)


def left_lines(skipped: Sequence[Skipped]) -> list[str]:
    """Return the layers that are left alone as lines, those for the same reason in one."""
    found: dict[str, list[str]] = {}
    for one in skipped:
        found.setdefault(one.reason, []).append(one.layer)
    return [f"  left alone: {', '.join(names)} ({reason})" for reason, names in found.items()]
