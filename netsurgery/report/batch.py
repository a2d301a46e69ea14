"""A batch of models as text: what came of each, and what is to be looked at."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from netsurgery.report.console import print_table, print_text, share
from netsurgery.zoo import MEANINGS, BatchComparison, Index, Outcome

_SAME = "same"
_SAID_BY_WORD = frozenset({"compressed", "passed", "saved"})


def told_outcome(outcome: Outcome) -> str:
    """Return what came of a model in a line."""
    parts = [f"{outcome.name}: {outcome.status}"]
    parts += [f"{left} of the {cost} left" for cost, left in _left(outcome)]
    parts += [outcome.reason] if outcome.reason and outcome.status not in _SAID_BY_WORD else []
    return f"{', '.join(parts)} ({outcome.seconds:.1f} s)"


def _left(outcome: Outcome) -> Tuple[Tuple[str, str], ...]:
    if outcome.status != "compressed":
        return ()
    before, after = outcome.figures["before"], outcome.figures["after"]
    named = (("MACs", "macs"), ("bytes", "bytes"))
    return tuple((name, share(after[cost], before[cost])) for name, cost in named)


def print_index(index: Index) -> None:
    """Print what a batch did: a line for each model, then reasons, and what was left out."""
    columns = ["model", "outcome", ">params left", ">MACs left", ">file left", ">error"]
    rows = [
        [
            one.name,
            one.status,
            *(_share_left(one, cost) for cost in ("params", "macs", "bytes")),
            _number(one.figures.get("error")),
            one.figures.get("quality") or "-",
            f"{one.seconds:.1f} s",
        ]
        for one in index.models
    ]
    print_table([*columns, "quality", ">time"], rows)
    for (status, reason), names in _by_reason(index).items():
        print_text(f"{', '.join(names)}: {status}: {reason}")
    for skipped in index.skipped:
        print_text(f"{skipped.path}: left out: {skipped.reason}")
    print_text()
    print_text(f"{len(index.models)} of {index.total} models: {told_counts(index)}")
    for status in index.counts:
        print_text(f"  {status}: {MEANINGS[status]}")


def _by_reason(index: Index) -> Dict[Tuple[str, str], List[str]]:
    """The names of models that have one reason in common, for each reason that is to be told."""
    found: Dict[Tuple[str, str], List[str]] = {}
    for one in index.models:
        if one.reason and one.status not in _SAID_BY_WORD:
            found.setdefault((one.status, one.reason), []).append(one.name)
    return found


def told_counts(index: Index) -> str:
    """Return how many models there are of each status, in words."""
    return ", ".join(f"{count} {status}" for status, count in index.counts.items()) or "none"


def _share_left(outcome: Outcome, cost: str) -> str:
    figures: Any = outcome.figures
    if "after" not in figures:
        return "-"
    return share(figures["after"][cost], figures["before"][cost])


def _number(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.2e}"


def print_comparison(done: BatchComparison) -> None:
    """Print what became of each model from one run of a batch to another."""
    rows = [
        (one.name, one.change, "; ".join(one.reasons)) for one in done.models if one.change != _SAME
    ]
    if rows:
        print_table(("model", "change", "why"), rows)
    print_text(", ".join(f"{count} {change}" for change, count in done.counts.items()) or "none")
