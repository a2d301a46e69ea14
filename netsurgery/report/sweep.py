"""A sweep over budgets as a table, and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Sequence, Tuple

from netsurgery.budgets import METRIC, Point
from netsurgery.report.console import print_table, print_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COSTS = ("macs", "params", "bytes", "latency")


def print_sweep(points: Sequence[Point], currency: str) -> None:
    """Print a row for each budget: what is left, what is predicted to be lost, what was measured.

    What was not measured stands there with a ``~``, as predicted and corrected.
    """
    columns, table = sweep_rows(points, currency)
    if table:
        print_table(columns, table, legend=("loss", "predicted"))
    for point in points:
        if point.plan is None:
            print_text(f"  {point.share:g}: {point.problem}")


def sweep_rows(
    points: Sequence[Point], currency: str
) -> Tuple[Sequence[str], List[Tuple[str, ...]]]:
    """Return titles and rows of the table of budgets, of those that can be met.

    Args:
        points: The budgets.
        currency: What is budgeted.
    """
    rows = [point.to_dict() for point in points]
    costs = [name for name in _COSTS if any(name in row for row in rows)]
    names = list(dict.fromkeys(name for row in rows for name in _found(row)))
    columns = [f">{name}" for name in (f"budget ({currency})", *costs, "loss", "predicted")]
    columns += [f">{_title(name)}" for name in names]
    table: List[Tuple[str, ...]] = []
    for row in rows:
        if "problem" in row:
            continue
        found = _found(row)
        table.append(
            (
                f"{row['budget']:g}",
                *(f"{row[name]:.3f}" for name in costs),
                f"{row['loss']:.4g}",
                f"{row['metric']['predicted'] if METRIC in row else row['predicted']:.4g}",
                *(_text(*found[name]) if name in found else "-" for name in names),
            )
        )
    return columns, table


def _found(row: Mapping[str, Any]) -> Dict[str, Tuple[float, bool]]:
    """What is known of the whole net, by the name of it, and whether it was measured."""
    measured = dict(row.get("measured", {}))
    if "measured" in row.get(METRIC, {}):
        measured[METRIC] = row[METRIC]["measured"]
    found = {name: (value, False) for name, value in row.get("corrected", {}).items()}
    return {**found, **{name: (value, True) for name, value in measured.items()}}


def _text(value: float, measured: bool) -> str:
    return f"{value:.4g}" if measured else f"~{value:.4g}"


def _title(name: str) -> str:
    return name if name == METRIC else f"error of {name}"


def plot_sweep(points: Sequence[Point], currency: str, path: Path) -> None:
    """Draw what is lost over what is left, as SVG or PNG, whatever the name of the file says.

    Raises:
        NetsurgeryError: matplotlib is not installed.
        FormatError: The file cannot be written.
    """
    from netsurgery.report.plots import require_plots, save_plot

    require_plots()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    draw_sweep(figure.add_subplot(), points, currency)
    save_plot(figure, path)


def draw_sweep(axes: Axes, points: Sequence[Point], currency: str) -> None:
    """Draw what is lost over what is left, of the budgets that can be met.

    Args:
        axes: What it is drawn on.
        points: The budgets.
        currency: What is budgeted.
    """
    rows = [point.to_dict() for point in points if point.plan is not None]
    axes.set(xlabel=f"share of the {currency} that is left", ylabel="loss")
    axes.plot([row[currency] for row in rows], [row["loss"] for row in rows], "o-", label="loss")
    for name in dict.fromkeys(name for row in rows for name in _found(row)):
        seen = [(row[currency], _found(row)[name]) for row in rows if name in _found(row)]
        axes.plot(*zip(*((x, y) for x, (y, _) in seen)), linestyle="dashed", color="0.7")
        for wanted, mark, kind in ((True, "s", "measured"), (False, "x", "corrected")):
            own = [(x, y) for x, (y, measured) in seen if measured is wanted]
            if own:
                axes.plot(*zip(*own), mark, label=f"{_title(name)}, {kind}")
    axes.grid(alpha=0.3)
    axes.legend()
