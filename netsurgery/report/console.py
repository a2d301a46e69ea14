"""How this tool writes tables: for a person on a terminal, as plain text in a pipe."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Iterable, Optional, Sequence

from netsurgery.report.glossary import explained

if TYPE_CHECKING:
    from rich.console import Console

WORDS = "(what these words mean: `netsurgery help terms`)"
_PIPE_WIDTH = 1000  # nothing is folded where nobody looks at the edge of a screen


def console() -> Console:
    """Return a console on standard output, as wide as the terminal or, in a pipe, as need be."""
    from rich.console import Console

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False)


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
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    if last:
        table.add_section()
        table.add_row(*(Text(cell) for cell in last))
    out = console()
    out.print(table)
    for line in explained(legend):
        out.print(line, markup=False)
    if legend:
        out.print()


def count(number: Optional[int]) -> str:
    """Return ``number`` with thin groups of three, or a dash for None."""
    return "-" if number is None else f"{number:,}"


def known(number: Optional[int]) -> str:
    """Return ``number`` as `count` does, or ``unknown`` where a dash might mean none."""
    return "unknown" if number is None else count(number)


def share(part: Optional[float], whole: Optional[float]) -> str:
    """Return what share of ``whole`` the ``part`` is, in percent."""
    return f"{100 * part / whole:.1f}%" if part is not None and whole else "-"


def shape(dims: Optional[Sequence[int]]) -> str:
    """Return a shape as ``4096x25088``, or ``?`` when it is not known."""
    return "?" if dims is None else "x".join(map(str, dims)) or "scalar"


def size(number: Optional[int]) -> str:
    """Return a number of bytes in a unit that reads well."""
    if number is None:
        return "-"
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if abs(value) < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
