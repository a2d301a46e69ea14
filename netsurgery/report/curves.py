"""Plots of how a net did while it was trained or pruned."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from netsurgery.pruning import LoopRound
from netsurgery.report.plots import require_plots, save_plot
from netsurgery.training import History

# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
Point = Tuple[float, float]


def plot_training(history: History, path: Path) -> None:
    """Draw losses and shares over steps, as SVG or PNG, whatever the name of the file says.

    Args:
        history: The validations.
        path: Where to.

    Raises:
        NetsurgeryError: matplotlib is not installed.
        FormatError: The file cannot be written.
    """
    losses = [(float(one.iteration), one.judged.loss) for one in history]
    learned = [
        (float(one.iteration), one.training_loss)
        for one in history
        if one.training_loss is not None
    ]
    left = {"loss, aside": losses, "loss, training": learned}
    names = dict.fromkeys(name for one in history for name in one.judged.figures)
    right = {
        f"{name}, aside": [
            (float(one.iteration), 100 * one.judged.figures[name])
            for one in history
            if name in one.judged.figures
        ]
        for name in names
    }
    best = [float(one.iteration) for one in history if one.is_best][-1:]
    plot_curves(left, right, path, across="steps", marked=best[0] if best else None)


def plot_rounds(rounds: Sequence[LoopRound], path: Path) -> None:
    """Draw losses and shares over rounds of removing and tuning, before and after each tuning.

    Args:
        rounds: What came of each.
        path: Where to.

    Raises:
        NetsurgeryError: matplotlib is not installed.
        FormatError: The file cannot be written.
    """
    moments = {
        "before tuning": [(float(one.number), one.start.judged) for one in rounds],
        "after tuning": [(float(one.number), one.best.judged) for one in rounds],
    }
    left = {
        f"loss, {when}": [(number, judged.loss) for number, judged in found]
        for when, found in moments.items()
    }
    names = dict.fromkeys(name for one in rounds for name in one.best.judged.figures)
    right = {
        f"{name}, {when}": [(number, 100 * judged.figures[name]) for number, judged in found]
        for name in names
        for when, found in moments.items()
    }
    plot_curves(left, right, path, across="rounds", above=_sizes(rounds))


class Above(NamedTuple):
    """What stands above some places of a plot.

    Attributes:
        name: What it is.
        words: What is said of each place.
    """

    name: str
    words: Mapping[float, str]


def _sizes(rounds: Sequence[LoopRound]) -> Above:
    """How large the net is in each round."""
    if "macs" in rounds[0].facts:
        name = "million MACs"
        found = {one.number: f"{one.facts['macs'] / 1e6:.3g}" for one in rounds}
    else:
        name = "% zero"
        found = {one.number: f"{100 * one.facts['sparsity']:.3g}" for one in rounds}
    return Above(name, {float(number): word for number, word in found.items()})


def plot_curves(
    left: Mapping[str, Sequence[Point]],
    right: Mapping[str, Sequence[Point]],
    path: Path,
    *,
    across: str,
    marked: Optional[float] = None,
    above: Optional[Above] = None,
) -> None:
    """Draw losses on one axis and percentages on another, over the same steps or rounds.

    Args:
        left: Losses by their names, each as points; what is no number is left out.
        right: Percentages, in the same way.
        path: Where to.
        across: What the points are over.
        marked: A place to mark: that of the best net.
        above: What is said above of places, which are whole numbers then.

    Raises:
        NetsurgeryError: matplotlib is not installed.
        FormatError: The file cannot be written.
    """
    require_plots()
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel=across, ylabel="loss")
    lines = _draw(axes, left, COLOURS, "solid")
    if any(right.values()):
        beside = axes.twinx()
        beside.set_ylabel("%")
        lines += _draw(beside, right, COLOURS[len(left) :], "dashed")
    if marked is not None:
        lines.append(axes.axvline(marked, color="0.6", linestyle=":", label="best"))
    if above is not None:
        _say_above(axes, above)
    axes.grid(alpha=0.3)
    # Beside the axes: curves of the second ones would be drawn over it.
    figure.legend(handles=lines, loc="outside lower center", ncols=2, fontsize="small")
    save_plot(figure, path)


def _say_above(axes: Any, above: Above) -> None:
    """Number places below, and say what there is to say of the same above."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(nbins=8, integer=True).tick_values(min(above.words), max(above.words))
    places = [float(tick) for tick in ticks if float(tick) in above.words]
    axes.set_xticks(places)
    beyond = axes.secondary_xaxis("top")
    beyond.set_xticks(places, [above.words[place] for place in places])
    beyond.set_xlabel(above.name)


def _draw(
    axes: Any, curves: Mapping[str, Sequence[Point]], colours: Sequence[str], style: str
) -> List[Any]:
    drawn: List[Any] = []
    for (name, points), colour in zip(curves.items(), colours):
        finite = [(x, y) for x, y in points if math.isfinite(y)]
        if finite:
            drawn += axes.plot(*zip(*finite), linestyle=style, marker=".", color=colour, label=name)
    return drawn
