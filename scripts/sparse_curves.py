"""Plots of accuracy against the weights that are left."""

from __future__ import annotations

from pathlib import Path
from typing import List, Mapping, NamedTuple, Tuple

from curves import plotted

# Those of Okabe and Ito: told apart by everybody.
COLOURS = {
    "magnitude": "#d55e00",
    "lamp": "#e69f00",
    "obs": "#0072b2",
    "obd": "#56b4e9",
    "taylor": "#009e73",
    "trifactor": "#cc79a7",
    "random": "#777777",
}


class SparseCurve(NamedTuple):
    """Accuracy of one method.

    Attributes:
        points: Share of the weights that is left, accuracy before it is tuned, and after.
    """

    points: List[Tuple[float, float, float]]


def draw_sparse(curves: Mapping[str, SparseCurve], title: str, original: float, file: Path) -> None:
    """Draw curves into an SVG file: dashed before the net is tuned, and after.

    Args:
        curves: By method, of those that have a colour.
        title: What it is of.
        original: Accuracy of the net before.
        file: Where it goes.
    """
    with plotted(title, original, "weights left (dashed: before tuning)", file) as axes:
        for method, curve in curves.items():
            left, before, after = zip(*curve.points)
            colour = COLOURS[method]
            axes.plot(left, before, "--", color=colour, linewidth=1)
            axes.plot(left, after, "-", marker="o", markersize=4, color=colour, label=method)
        axes.set_xscale("log")
        ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
        axes.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
        axes.minorticks_off()
