"""Plots of what pruned nets tell wrong, against the weights that are left."""

from __future__ import annotations

from pathlib import Path
from typing import List, Mapping, NamedTuple, Tuple

from curves import drawn

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
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_WRONG = (0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1)


class SparseCurve(NamedTuple):
    """What one method leaves of a net.

    Attributes:
        points: Share of the weights that is left, accuracy before it is tuned, and after.
    """

    points: List[Tuple[float, float, float]]


def draw_sparse(curves: Mapping[str, SparseCurve], title: str, original: float, file: Path) -> None:
    """Draw the errors of a net into an SVG file, before it is tuned and after, side by side.

    Args:
        curves: By method, of those that have a colour.
        title: What it is of.
        original: Accuracy of the net before.
        file: Where it goes.
    """
    shares = [left for curve in curves.values() for left, _, _ in curve.points]
    ticks = [tick for tick in _TICKS if min(shares) * 0.99 < tick < max(shares) * 1.01]
    titles = (f"{title}, pruned", "and tuned")
    with drawn(titles, "weights left", "share of images told wrong", file) as both:
        for axes, number in zip(both, (1, 2)):
            axes.axhline(1 - original, color="black", linewidth=0.8, label="original")
            for method, curve in curves.items():
                left = [point[0] for point in curve.points]
                wrong = [1 - point[number] for point in curve.points]
                axes.plot(
                    left, wrong, marker="o", markersize=4, color=COLOURS[method], label=method
                )
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
            axes.minorticks_off()
        lowest, highest = both[0].get_ylim()
        wrongs = [tick for tick in _WRONG if lowest < tick < highest]
        both[0].set_yticks(wrongs, [f"{100 * tick:g} %" for tick in wrongs])
