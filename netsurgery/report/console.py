"""How this tool writes tables: for a person on a terminal, as plain text in a pipe."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Any, Iterable, Optional, Sequence

from netsurgery.errors import visible
from netsurgery.report.glossary import explained

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WORDS = "(what these words mean: `netsurgery help terms`)"
_BETWEEN, _EDGES = 3, 2
"""Blanks between columns, and at both ends."""
_NARROWEST = 9
_PIPE_WIDTH = 1000  # nothing is folded where nobody looks at the edge of a screen


def console() -> Console:
    """Return a console on standard output, as wide as the terminal or, in a pipe, as need be.

    What it prints as text is data: it takes no markup, and obeys no escape sequence.
    """
    from rich.console import Console

    class Plain(Console):
        def print(self, *objects: Any, **options: Any) -> None:
            """Print; texts as what they are."""
            shown = [
                "\n".join(map(visible, one.split("\n"))) if isinstance(one, str) else one
                for one in objects
            ]
            super().print(*shown, **{"markup": False, **options})

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    return Plain(width=width, highlight=False, emoji=False)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    title: Optional[str] = None,
    last: Optional[Sequence[str]] = None,
    legend: Sequence[str] = (),
) -> None:
    """Print a table; columns whose title begins with ``>`` are aligned to the right.

    Args:
        columns: Their titles.
        rows: Their texts.
        title: Stands above the table.
        last: A row of totals, set apart.
        legend: Words of the table that are explained below it, in a line each.
    """
    out = console()
    lines = [[visible(cell) for cell in row] for row in rows]
    total = [visible(cell) for cell in last] if last else None
    widths = _widths(columns, [*lines, *([total] if total else [])], out.width)
    if widths is None:
        _print_blocks(out, columns, lines, title, total)
    else:
        out.print(_table(columns, lines, title, total, widths))
    for line in explained(legend):
        out.print(line, markup=False)
    if legend:
        out.print()


def _widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], room: int
) -> Optional[list[int]]:
    """Return how wide the columns are in so wide a room, or None if they could not be read.

    Texts may be folded, to `_NARROWEST` at least, and titles at their spaces; numbers may not.
    """
    from rich.cells import cell_len

    cells = list(zip(*rows)) or [()] * len(columns)
    titles = [column.lstrip(">") for column in columns]
    widest = [max(map(cell_len, (title, *own))) for title, own in zip(titles, cells)]
    least = [
        max(max(map(cell_len, title.split() or [""])), _least(column, own))
        for column, title, own in zip(columns, titles, cells)
    ]
    left = room - _BETWEEN * (len(columns) - 1) - _EDGES - sum(least)
    if left < 0:
        return None
    widths = []
    for most, fewest in zip(widest, least):
        more = min(max(most - fewest, 0), left)
        widths.append(fewest + more)
        left -= more
    return widths


def _least(column: str, cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    widest = max(map(cell_len, cells), default=0)
    return widest if column.startswith(">") else min(widest, _NARROWEST)


def _table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: Optional[str],
    last: Optional[Sequence[str]],
    widths: Sequence[int],
) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=SIMPLE_HEAD,
        title=None if title is None else Text(visible(title)),
        title_justify="left",
        pad_edge=False,
    )
    for column, width in zip(columns, widths):
        right = column.startswith(">")
        table.add_column(
            Text(column.lstrip(">")),
            justify="right" if right else "left",
            overflow="fold",
            width=width,
        )
    for row in rows:
        table.add_row(*map(Text, row))
    if last:
        table.add_section()
        table.add_row(*map(Text, last))
    return table


def _print_blocks(
    out: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    title: Optional[str],
    last: Optional[Sequence[str]],
) -> None:
    """Print each row as a block of lines, where the table has no room beside itself."""
    from rich.text import Text

    if title is not None:
        out.print(title)
    titles = [column.lstrip(">") for column in columns]
    longest = max(map(len, titles))
    for row in [*rows, *([last] if last else [])]:
        out.print(Text(row[0] or titles[0], style="bold"))
        for name, cell in zip(titles[1:], row[1:]):
            if cell:
                out.print(f"  {name:<{longest}}  {cell}")
    out.print()


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
