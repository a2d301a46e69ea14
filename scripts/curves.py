"""Plots of accuracy: what all of them share, and those against cost."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, NamedTuple, Sequence, Tuple

# Those of Okabe and Ito: told apart by everybody.
COLOURS = {"surgeon": "#0072b2", "taylor": "#009e73", "l1": "#d55e00", "random": "#777777"}
LINES = {"none": "--", "refit": "-"}
MARKS = {"none": "o", "refit": "s"}


class Curve(NamedTuple):
    """Accuracy of one criterion.

    Attributes:
        criterion: Its name.
        compensate: With what compensation.
        points: Share of the MACs, accuracy.
    """

    criterion: str
    compensate: str
    points: List[Tuple[float, float]]


def draw(curves: Sequence[Curve], title: str, original: float, file: Path) -> None:
    """Draw curves into an SVG file.

    Args:
        curves: What to draw.
        title: What it is of.
        original: Accuracy of the net before.
        file: Where it goes.
    """
    with plotted(title, original, "share of the MACs left", file) as axes:
        for criterion, compensate, points in curves:
            fitted = "" if compensate == "none" else f" + {compensate}"
            axes.plot(
                *zip(*points),
                LINES[compensate],
                marker=MARKS[compensate],
                markersize=4,
                color=COLOURS[criterion],
                label=f"{criterion}{fitted}",
            )
        axes.set(xlim=(0.3, 0.95))


@contextmanager
def plotted(title: str, original: float, across: str, file: Path) -> Iterator[Any]:
    """Yield axes of accuracy, with that of the original drawn, and write them as an SVG file.

    Args:
        title: What it is of.
        original: Accuracy of the net before.
        across: What the other axis is.
        file: Where it goes.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    # Text stays text, and the same figures make the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "netsurgery", "font.size": 10})
    figure, axes = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    axes.axhline(original, color="black", linewidth=0.8, label="original")
    yield axes
    axes.set(xlabel=across, ylabel="accuracy", title=title)
    axes.grid(color="#dddddd", linewidth=0.6)
    figure.legend(loc="outside lower center", fontsize=8, ncols=5)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
