"""What was asked for beside what was reached, as texts."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from netsurgery.costs import BYTES
from netsurgery.methods import Prediction, Setting
from netsurgery.planning import MAX_LOSS, Asked, Expected, asked_of_layer
from netsurgery.report.console import size

FAR = 0.9
"""A budget of which less than this is used is worth a line."""

Table = Tuple[Tuple[str, ...], List[Tuple[str, ...]]]


def with_asked(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    predictions: Sequence[Prediction],
    place: int,
) -> Table:
    """Return a table of edits with columns of what was asked and reached, if anything was.

    Args:
        columns: Titles.
        rows: Texts, a row for each edit.
        predictions: What is predicted of each edit.
        place: Before which column they come.
    """
    found = [list(asked_of_layer("", predicted)) for predicted in predictions]
    if not any(found):
        return tuple(columns), [tuple(row) for row in rows]
    cells = [
        (
            ", ".join(f"{one.what} {told(one.asked)}" for one in asked) or "-",
            ", ".join(told(one.reached) for one in asked) or "-",
        )
        for asked in found
    ]
    return (
        (*columns[:place], ">asked", ">reached", *columns[place:]),
        [(*row[:place], *cell, *row[place:]) for row, cell in zip(rows, cells)],
    )


def asked_lines(asked: Sequence[Asked]) -> List[str]:
    """Return what was asked of the net beside what was reached, a line for each cost."""
    net = [one for one in asked if one.layer is None and one.what != MAX_LOSS]
    lines = [
        f"budget of {one.what}: {told(one.asked, one.what)} asked, "
        f"{told(one.reached, one.what)} reached"
        for one in net
    ]
    if net and all(_share_used(one) < FAR for one in net):
        others = any(one.layer is not None for one in asked)
        why = "widths or rules take more than it asks" if others else "no choice comes nearer to it"
        lines.append(f"the budget is not used up: {why}")
    return lines


def loss_lines(expected: Expected) -> List[str]:
    """Return what may be lost beside what was measured, why the net is no smaller, and whether
    that was planned in a hurry.
    """
    search = expected.max_loss
    if search is None:
        return [f"not tried, as it was to be quick: {one}" for one in expected.untried]
    of = f" ({search.figure} of {search.output!r})" if search.figure else ""
    line = (
        f"loss: {told(search.asked)} allowed, {told(search.measured)} measured{of} on "
        f"{search.inputs}; {len(search.tried)} nets tried"
    )
    return [line, *([f"the net is given as it was: {search.reason}"] if search.reason else [])]


def told(value: Optional[Setting], what: str = "") -> str:
    """Return a value as text: shares in percent, sizes in a unit, ranks as they are."""
    if value is None:
        return "?"
    if isinstance(value, list):
        return " ".join(map(str, value))
    if what == BYTES and not isinstance(value, str) and value > 1:
        return size(int(value))
    if isinstance(value, float):
        return f"{100 * value:.4g}%"
    return str(value)


def _share_used(one: Asked) -> float:
    """The part of a budget that was used; all, where that is not known."""
    numbers = isinstance(one.asked, (int, float)) and isinstance(one.reached, (int, float))
    return one.reached / one.asked if numbers and one.asked else 1.0  # type: ignore[operator]
