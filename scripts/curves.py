"""Plots of accuracy: what all of them share, and those against cost."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

# Those of Okabe and Ito: told apart by everybody.
COLOURS = {"surgeon": "#0072b2", "taylor": "#009e73", "l1": "#d55e00", "random": "#777777"}
STARTS = ("#0072b2", "#d55e00", "#777777", "#009e73")
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


def draw_over_steps(
    curves: Mapping[str, Tuple[Sequence[int], Sequence[Sequence[float]]]],
    title: str,
    original: float,
    file: Path,
) -> None:
    """Draw accuracy in training into an SVG file: the mean of runs, and from lowest to highest.

    Args:
        curves: By what was trained: the steps, and for each run the accuracy after each of them.
        title: What it is of.
        original: Accuracy of the net before.
        file: Where it goes.
    """
    with plotted(title, original, "steps", file) as axes:
        for colour, (name, (steps, runs)) in zip(STARTS, curves.items()):
            at = list(zip(*runs))
            means = [sum(one) / len(one) for one in at]
            between = [min(one) for one in at], [max(one) for one in at]
            axes.fill_between(steps, *between, color=colour, alpha=0.2)
            axes.plot(steps, means, "-", color=colour, label=name)


@contextmanager
def plotted(title: str, original: float, across: str, file: Path) -> Iterator[Any]:
    """Yield axes of accuracy, with that of the original drawn, and write them as an SVG file.

    Args:
        title: What it is of.
        original: Accuracy of the net before.
        across: What the other axis is.
        file: Where it goes.
    """
    with drawn((title,), across, "accuracy", file) as (axes,):
        axes.axhline(original, color="black", linewidth=0.8, label="original")
        yield axes


@contextmanager
def drawn(titles: Sequence[str], across: str, up: str, file: Path) -> Iterator[Sequence[Any]]:
    """Yield axes, beside each other and of one height, and write them as an SVG file.

    Args:
        titles: Of each what it is of.
        across: What their horizontal axis is.
        up: What their vertical axis is.
        file: Where it goes. Its legend has what the first axes name.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    # Text stays text, and the same figures make the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "netsurgery", "font.size": 10})
    size = (6.4 if len(titles) == 1 else 8.4, 4.2)
    figure, grid = pyplot.subplots(
        1, len(titles), figsize=size, layout="constrained", sharey=True, squeeze=False
    )
    (every,) = grid
    yield every
    every[0].set(ylabel=up)
    for title, axes in zip(titles, every):
        axes.set(xlabel=across, title=title)
        axes.grid(color="#dddddd", linewidth=0.6)
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", fontsize=8, ncols=5)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
