"""A plan told layer by layer: what was chosen, what came second, and what both cost."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Tuple

from netsurgery.budgets import METRIC
from netsurgery.jobs import Explanation
from netsurgery.methods import Change, Edit
from netsurgery.planning import Expected, Plan
from netsurgery.report.asked import asked_lines, loss_lines, with_asked
from netsurgery.report.console import count, print_table, print_text

_COLUMNS = (
    *("layer", "chosen", ">loss", ">error", ">measured", ">MACs", ">weights"),
    *("second", ">loss", ">error", ">MACs", ">weights"),
)
_KINDS = ("predicted", "measured", "corrected")


def print_explanation(explanation: Explanation) -> None:
    """Print what a plan does with every layer, and why."""
    plan = explanation.plan
    for line in whole_lines(plan):
        print_text(line)
    if plan.edits:
        rows = [_row(edit) for edit in plan.edits]
        print_table(
            *with_asked(_COLUMNS, rows, [edit.predicted for edit in plan.edits], 2),
            legend=("loss", "error", "measured", "second"),
        )
    for one in plan.skipped:
        print_text(f"  {one.layer}: {one.reason}")


def whole_lines(plan: Plan) -> List[str]:
    """Return what is expected of the whole net, a line each; none for a plan that does not say."""
    expected = plan.expected
    if not expected:
        return []
    lines = [*asked_lines(plan.asked), *loss_lines(expected)]
    if expected.score is not None:
        lines.append(f"score: {expected.score}, loss {expected.loss}")
    if expected.gap is not None:
        lines.append(
            f"the search was stopped: the best choice could lose {expected.gap:.3g} less at most"
        )
    whole, after = expected.whole, expected.left
    costs = [
        f"{name} {count(whole[name])} -> {count(after[name])} ({after[name] / whole[name]:.3f})"
        for name in whole
        if name in after and whole[name]
    ]
    if costs:
        lines.append("; ".join(costs))
    return lines + [text for text in (_errors(expected), _metric(expected)) if text]


def _errors(expected: Expected) -> str:
    """What is told of the error of the outputs."""
    parts = [] if expected.predicted is None else [f"predicted {expected.predicted:.4g}"]
    told = {"measured": expected.measured or {}, "corrected": expected.corrected}
    for kind, found in told.items():
        values = {name: value for name, value in found.items() if name != METRIC}
        errors = ", ".join(
            f"{name} {value:.4g}{_times(expected, name)}" for name, value in values.items()
        )
        parts += [f"{kind} {errors}"] if errors else []
    return f"error of the outputs: {'; '.join(parts)}" if parts else ""


def _metric(expected: Expected) -> str:
    """What is told of the user's metric."""
    facts = expected.metric.to_dict() if expected.metric else {}
    if METRIC in expected.corrected:
        facts["corrected"] = expected.corrected[METRIC]
    parts = [f"{kind} {facts[kind]:.4g}" for kind in _KINDS if kind in facts]
    told = "; ".join(parts) + _times(expected, METRIC)
    return f"metric {facts['whole']:.4g}: {told}" if facts else ""


def _times(expected: Expected, name: str) -> str:
    factor = expected.correction.get(name)
    return "" if factor is None else f" ({factor:.3g} times the loss predicted)"


def _row(edit: Edit) -> Tuple[str, ...]:
    facts, other = edit.predicted, edit.predicted.second
    return (
        edit.layer,
        _chosen(edit.method, edit.options),
        _number(facts.loss),
        _number(facts.error),
        _number(facts.measured),
        _change(facts.macs),
        _change(facts.weights),
        _chosen(other.method, other.options) if other else "-",
        _number(other.loss if other else None),
        _number(other.error if other else None),
        count(other.macs if other else None),
        count(other.weights if other else None),
    )


def _chosen(method: str, options: Mapping[str, Any]) -> str:
    if "keep" in options:
        return f"{method}, {len(options['keep'])} channels"
    rank = options.get("rank")
    if rank is None:
        return method
    return f"{method} {' '.join(map(str, rank)) if isinstance(rank, list) else rank}"


def _change(pair: Optional[Change]) -> str:
    return f"{count(pair.before)} > {count(pair.after)}" if pair else "-"


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.3g}"
