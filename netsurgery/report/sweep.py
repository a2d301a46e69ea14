"""A sweep over budgets as a table, and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Tuple

from netsurgery.budgets.sweep import Point
from netsurgery.report.console import console, print_table

_COSTS = ("macs", "params", "bytes", "latency")


def print_sweep(points: Sequence[Point], currency: str) -> None:
    """Print a row for each budget: what is left, what is expected to be lost, what was measured."""
    rows = [point.to_dict() for point in points]
    costs = [name for name in _COSTS if any(name in row for row in rows)]
    outputs = list(dict.fromkeys(name for row in rows for name in row.get("measured", {})))
    columns = [f">{name}" for name in (f"budget ({currency})", *costs, "loss")]
    columns += [f">error of {name}" for name in outputs]
    table: List[Tuple[str, ...]] = []
    for row in rows:
        if "problem" in row:
            continue
        measured = [row["measured"].get(name) for name in outputs]
        table.append(
            (
                f"{row['budget']:g}",
                *(f"{row[name]:.3f}" for name in costs),
                f"{row['loss']:.4g}",
                *("-" if value is None else f"{value:.4g}" for value in measured),
            )
        )
    if table:
        print_table(columns, table)
    for row in rows:
        if "problem" in row:
            console().print(f"  {row['budget']:g}: {row['problem']}", markup=False)


def plot_sweep(points: Sequence[Point], currency: str, path: Path) -> None:
    """Draw what is lost over what is left, as SVG or PNG, whatever the name of the file says.

    Raises:
        NetsurgeryError: matplotlib is not installed.
        FormatError: The file cannot be written.
    """
    import io

    from netsurgery.formats.atomic import write_together
    from netsurgery.report.page import require_plots

    require_plots()
    import matplotlib
    from matplotlib.figure import Figure

    rows = [point.to_dict() for point in points if point.plan is not None]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel=f"share of the {currency} that is left", ylabel="loss")
    axes.plot([row[currency] for row in rows], [row["loss"] for row in rows], "o-", label="loss")
    for name in dict.fromkeys(name for row in rows for name in row["measured"]):
        seen = [(row[currency], row["measured"][name]) for row in rows if name in row["measured"]]
        axes.plot(*zip(*seen), "s--", label=f"error of {name}, measured")
    axes.grid(alpha=0.3)
    axes.legend()
    drawn = io.BytesIO()
    kind = "png" if path.suffix.lower() == ".png" else "svg"
    # The same plot is the same file: no dates, no random names.
    with matplotlib.rc_context({"svg.hashsalt": "netsurgery", "svg.fonttype": "none"}):
        figure.savefig(drawn, format=kind, metadata={"Date": None} if kind == "svg" else None)
    write_together({path: lambda stream: stream.write(drawn.getvalue())})
