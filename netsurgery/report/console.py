"""How this tool writes tables: for a person on a terminal, as plain text in a pipe."""

from __future__ import annotations

import os
import sys
from typing import Iterable, Iterator, List, Optional, Sequence

from netsurgery.errors import visible
from netsurgery.report.folding import cells, folded
from netsurgery.report.glossary import explained

WORDS = "(what these words mean: `netsurgery help terms`)"
_GAP, _EDGE = "   ", " "
"""What stands between columns, and at both ends."""
_NARROWEST = 9
_PIPE_WIDTH = 1000  # nothing is folded where nobody looks at the edge of a screen

Cells = Sequence[str]


def room() -> int:
    """Return how many columns there are to write in: the terminal's or, in a pipe, enough."""
    if not sys.stdout.isatty():
        return _PIPE_WIDTH
    import shutil

    return shutil.get_terminal_size().columns


def print_text(text: str = "") -> None:
    """Print lines of text, folded where the terminal ends.

    Text is data: it takes no markup, and obeys no escape sequence.
    """
    width = room()
    for line in text.split("\n"):
        print("\n".join(folded(_plain(line), width)))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: Optional[str] = None,
    last: Optional[Sequence[str]] = None,
    legend: Sequence[str] = (),
    err: bool = False,
) -> None:
    """Print a table; columns whose title begins with ``>`` are aligned to the right.

    Args:
        columns: Their titles.
        rows: Their texts.
        title: Stands above the table.
        last: A row of totals, set apart.
        legend: Words of the table that are explained below it, in a line each.
        err: Print on standard error.
    """
    lines = [[_plain(cell) for cell in row] for row in rows]
    total = [_plain(cell) for cell in last] if last else None
    widths = _widths(columns, [*lines, *([total] if total else [])], room())
    shown = _plain(title) if title else None
    made = (
        _blocks(columns, lines, shown, total)
        if widths is None
        else _table(columns, lines, shown, total, widths)
    )
    print("\n".join(made), file=sys.stderr if err else sys.stdout)
    for line in explained(legend):
        print_text(line)
    if legend:
        print_text()


def _plain(text: str) -> str:
    return visible(text).expandtabs()


def _widths(columns: Sequence[str], rows: Sequence[Cells], room: int) -> Optional[List[int]]:
    """Return how wide the columns are in so wide a room, or None if they could not be read.

    Texts may be folded, to `_NARROWEST` at least, and titles at their spaces; numbers may not.
    """
    own = [max(map(cells, column), default=0) for column in zip(*rows)] or [0] * len(columns)
    titles = [column.lstrip(">") for column in columns]
    widest = [max(cells(title), most) for title, most in zip(titles, own)]
    least = [
        max(
            *map(cells, title.split() or [""]),
            most if column.startswith(">") else min(most, _NARROWEST),
        )
        for column, title, most in zip(columns, titles, own)
    ]
    left = room - len(_GAP) * (len(columns) - 1) - 2 * len(_EDGE) - sum(least)
    if left < 0:
        return None
    widths = []
    for most, fewest in zip(widest, least):
        more = min(max(most - fewest, 0), left)
        widths.append(fewest + more)
        left -= more
    return widths


def _table(
    columns: Sequence[str],
    rows: Sequence[Cells],
    title: Optional[str],
    last: Optional[Cells],
    widths: Sequence[int],
) -> Iterator[str]:
    """The lines of a table: a heading above a rule, and rows between blank lines."""
    whole = 2 * len(_EDGE) + sum(widths) + len(_GAP) * (len(widths) - 1)
    right = [column.startswith(">") for column in columns]
    blank = " " * whole
    if title is not None:
        yield from (_styled(_filled(line, whole), _ITALIC) for line in folded(title, whole))
    yield blank
    heading = [column.lstrip(">") for column in columns]
    yield from _row(heading, widths, right, style=_BOLD, from_below=True)
    yield _EDGE + "─" * (whole - 2 * len(_EDGE)) + _EDGE
    for row in rows:
        yield from _row(row, widths, right)
    if last:
        yield from [blank] if rows else []
        yield from _row(last, widths, right)
    yield blank


def _row(
    row: Cells,
    widths: Sequence[int],
    right: Sequence[bool],
    style: str = "",
    from_below: bool = False,
) -> Iterator[str]:
    """The lines of a row, as many as its highest cell has."""
    folds = [folded(cell, width) for cell, width in zip(row, widths)]
    height = max(map(len, folds))
    for number in range(height):
        shown = []
        for lines, width, aligned_right in zip(folds, widths, right):
            place = number - (height - len(lines) if from_below else 0)
            line = lines[place] if 0 <= place < len(lines) else ""
            shown.append(_styled(_filled(line, width, aligned_right), style))
        yield _EDGE + _GAP.join(shown) + _EDGE


def _filled(line: str, width: int, right: bool = False) -> str:
    """A line in so many columns; blanks at its end that have no room are gone."""
    line = line.rstrip() if right or cells(line) > width else line
    blanks = " " * (width - cells(line))
    return blanks + line if right else line + blanks


def _blocks(
    columns: Sequence[str], rows: Sequence[Cells], title: Optional[str], last: Optional[Cells]
) -> Iterator[str]:
    """Each row as a block of lines, where the table has no room beside itself."""
    width = room()
    if title is not None:
        yield from folded(title, width)
    titles = [column.lstrip(">") for column in columns]
    longest = max(map(len, titles))
    for row in [*rows, *([last] if last else [])]:
        yield from (_styled(line, _BOLD) for line in folded(row[0] or titles[0], width))
        for name, cell in zip(titles[1:], row[1:]):
            if cell:
                yield from folded(f"  {name:<{longest}}  {cell}", width)
    yield ""


_BOLD, _ITALIC = "1", "3"


def _styled(text: str, style: str) -> str:
    """A text in bold or slanted letters where a terminal has them."""
    styles = style and sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    return f"\x1b[{style}m{text}\x1b[0m" if styles else text


def count(number: Optional[float]) -> str:
    """Return ``number`` with thin groups of three, or a dash for None."""
    return "-" if number is None else f"{number:,}"


def known(number: Optional[int]) -> str:
    """Return ``number`` as `count` does, or ``unknown`` where a dash might mean none."""
    return "unknown" if number is None else count(number)


def share(part: Optional[float], whole: Optional[float]) -> str:
    """Return what share of ``whole`` the ``part`` is, in percent."""
    return f"{100 * part / whole:.1f}%" if part is not None and whole else "-"


def shape(dims: Optional[Sequence[int]]) -> str:
    """Return a shape as text, or ``?`` when it is not known.

    >>> shape((4096, 25088)), shape(()), shape(None)
    ('4096x25088', 'scalar', '?')
    """
    return "?" if dims is None else "x".join(map(str, dims)) or "scalar"


def size(number: Optional[int]) -> str:
    """Return a number of bytes in a unit that reads well.

    >>> size(518091), size(None)
    ('518.1 kB', '-')
    """
    if number is None:
        return "-"
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
