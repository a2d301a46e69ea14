"""A plan told layer by layer: what was chosen, what came second, and what both cost."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Tuple

from netsurgery.methods import Edit
from netsurgery.planning import Plan
from netsurgery.report.console import console, count, print_table

_COLUMNS = (
    *("layer", "chosen", ">error", ">measured", ">MACs", ">weights"),
    *("second", ">error", ">MACs", ">weights"),
)


def print_explanation(plan: Plan) -> None:
    """Print what a plan does with every layer, and why."""
    for line in whole_lines(plan):
        console().print(line, markup=False)
    if plan.edits:
        print_table(_COLUMNS, (_row(edit) for edit in plan.edits))
    for left in plan.left:
        console().print(f"  {left.layer}: {left.reason}", markup=False)


def whole_lines(plan: Plan) -> List[str]:
    """Return what is expected of the whole net, a line each; none for a plan that does not say."""
    expected = plan.expected
    if not expected:
        return []
    budget = ", ".join(f"{name} {value:g}" for name, value in expected.get("budget", {}).items())
    lines = [f"budget: {budget}; score: {expected.get('score')}, loss {expected.get('loss')}"]
    whole, after = expected.get("whole", {}), expected.get("left", {})
    costs = [
        f"{name} {count(whole[name])} -> {count(after[name])} ({after[name] / whole[name]:.3f})"
        for name in whole
        if name in after and whole[name]
    ]
    if costs:
        lines.append("; ".join(costs))
    measured = expected.get("measured", {})
    if measured:
        errors = ", ".join(f"{name} {value:.4g}" for name, value in measured.items())
        lines.append(f"measured error of the outputs: {errors}")
    return lines


def _row(edit: Edit) -> Tuple[str, ...]:
    facts = edit.predicted
    other: Mapping[str, Any] = facts.get("second") or {}
    return (
        edit.layer,
        _chosen(edit.method, edit.options),
        _number(facts.get("error")),
        _number(facts.get("measured")),
        _change(facts.get("macs")),
        _change(facts.get("weights")),
        _chosen(other["method"], other) if other else "-",
        _number(other.get("error")),
        count(other.get("macs")),
        count(other.get("weights")),
    )


def _chosen(method: str, options: Mapping[str, Any]) -> str:
    if "keep" in options:
        return f"{method}, {len(options['keep'])} channels"
    rank = options.get("rank")
    if rank is None:
        return method
    return f"{method} {' '.join(map(str, rank)) if isinstance(rank, list) else rank}"


def _change(pair: Optional[Sequence[Any]]) -> str:
    return f"{count(pair[0])} > {count(pair[1])}" if pair else "-"


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.3g}"
