"""Plots of a page: drawn by matplotlib, in the colours of the page, which are light or dark.

What is told by a colour is told by a shape, too, and the colours are those of Okabe and Ito (2008),
which people tell apart who do not see red or green.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, Sequence, Tuple

import numpy as np

from netsurgery.errors import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# matplotlib wants numbers for colours: these stand for those of the style sheet, by which the
# template puts them in the place of the numbers.
INK, FAINT, BEFORE, AFTER = "#010101", "#020202", "#030303", "#040404"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "netsurgery",
    "font.size": 9,
    "font.family": "sans-serif",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "axes.prop_cycle": f"cycler('color', ['{BEFORE}', '{AFTER}', '{INK}'])",
}
WIDTH = 4.4
"""Inches of a plot: 317 points, so that its letters are as large on a phone as elsewhere."""


class Canvas:
    """What is drawn on, and what came of it."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.svg = ""


@contextmanager
def drawing(name: str, height: float = 2.4) -> Iterator[Canvas]:
    """Draw a plot in a ``with``; behind it, ``svg`` holds the element.

    Args:
        name: What is in front of the names within the drawing: no two plots of a page may share it.
        height: Inches.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        figure.patch.set_visible(False)
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        canvas = Canvas(axes)
        yield canvas
        out = io.StringIO()
        # Without a date, the same figures are the same page.
        figure.savefig(out, format="svg", metadata={"Date": None})
    canvas.svg = _embedded(out.getvalue(), name)


def _embedded(svg: str, name: str) -> str:
    """The element alone, with names of its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    # The words around it say what it shows.
    return svg.replace("<svg", '<svg role="img" aria-hidden="true"', 1)


def label(text: str) -> str:
    """Return a text as matplotlib shows it: a dollar would begin a formula."""
    return visible(text).replace("$", r"\$")


def plot_spectrum(name: str, layer: str, rank: int, values: np.ndarray) -> str:
    """Draw the singular values of a layer, those that stay apart from those that go.

    Args:
        name: See `drawing`.
        layer: The layer.
        rank: How many stay.
        values: Singular values, falling.
    """
    at = np.arange(1, len(values) + 1)
    with drawing(name, 2.2) as canvas:
        axes = canvas.axes
        axes.fill_between(at[:rank], values[:rank], color=BEFORE, alpha=0.25, linewidth=0)
        axes.plot(at[:rank], values[:rank], color=BEFORE, linewidth=1.8)
        axes.plot(at[rank - 1 :], values[rank - 1 :], color=AFTER, linewidth=1.8, linestyle=":")
        axes.axvline(rank, color=INK, linewidth=1, linestyle="dashed")
        late = rank > 0.6 * len(values)
        axes.annotate(
            f"rank {rank} of {len(values)}",
            (rank, values[0]),
            xytext=(-4 if late else 4, 0),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
        )
        axes.set_title(label(_short(layer)))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("singular value, by size")
    return canvas.svg


def plot_pairs(
    name: str, layers: Sequence[str], first: Sequence[float], second: Sequence[float]
) -> str:
    """Draw two figures for each layer: a ring for the first, a cross for the second.

    Args:
        name: See `drawing`.
        layers: Their names.
        first: What was predicted.
        second: What was measured.
    """
    at = np.arange(len(layers))
    with drawing(name, 0.9 + 0.22 * max(3, len(layers))) as canvas:
        axes = canvas.axes
        axes.hlines(at, first, second, color=FAINT, linewidth=2)
        axes.plot(first, at, "o", color=BEFORE, fillstyle="none", markersize=8, label="predicted")
        axes.plot(second, at, "x", color=AFTER, markersize=6, label="measured")
        axes.set_yticks(at, [label(_short(layer)) for layer in layers])
        axes.set_ylim(len(layers) - 0.4, -0.6)
        axes.set_xlim(left=-0.03 * (max(*first, *second) or 1.0))
        axes.set_xlabel("relative error of the weights")
        _legend(axes, 2)
    return canvas.svg


def plot_along(
    name: str, errors: Sequence[float], noise: Sequence[float], marked: Sequence[int], what: str
) -> str:
    """Draw the error of every blob along the net.

    Args:
        name: See `drawing`.
        errors: Of each blob, in the order of the net.
        noise: Up to where that is float noise.
        marked: Numbers of blobs that are marked.
        what: What the marks mean.
    """
    at, places = np.arange(len(errors)), list(marked)
    # On a scale of powers there is no zero: where nothing differs, there is no line.
    shown = np.clip(np.nan_to_num(np.asarray(errors, float), nan=_FAR, posinf=_FAR), _NEAR, _FAR)
    shown[np.asarray(errors, float) == 0] = np.nan
    with drawing(name, 3.0) as canvas:
        axes = canvas.axes
        noisy = np.clip(np.asarray(noise, float), _NEAR, _FAR)
        axes.plot(at, noisy, color=FAINT, linewidth=4, label="float noise")
        axes.plot(at, shown, color=BEFORE, linewidth=1.8, marker=".", label="error")
        if places:
            axes.plot(places, shown[places], "D", color=AFTER, markersize=6, label=what)
        axes.set_yscale("log")
        axes.set_xlabel("blobs, from the input to the output")
        axes.set_ylabel("relative error")
        _legend(axes, 3)
    return canvas.svg


def plot_scores(name: str, group: str, scores: np.ndarray) -> str:
    """Draw the scores of a group of channels.

    Args:
        name: See `drawing`.
        group: Its name.
        scores: Rising.
    """
    with drawing(name, 2.0) as canvas:
        axes = canvas.axes
        axes.plot(np.arange(1, len(scores) + 1), scores, color=BEFORE, marker=".", linewidth=1.5)
        axes.set_title(label(_short(group)))
        axes.set_xlabel("channels, the least first")
    return canvas.svg


def plot_scatter(name: str, models: Sequence[Tuple[float, float, str]]) -> str:
    """Draw the loss of models over their size; each verdict has a mark of its own.

    Args:
        name: See `drawing`.
        models: Share of the size that is left, relative error, and verdict.
    """
    with drawing(name, 3.2) as canvas:
        axes = canvas.axes
        for verdict, (mark, colour) in _MARKS.items():
            points = [(x, min(max(y, _NEAR), _FAR)) for x, y, told in models if told == verdict]
            if points:
                axes.plot(*zip(*points), mark, color=colour, markersize=6, label=verdict)
        axes.set_yscale("log")
        axes.set_xlim(0, 1.05 * max([1.0, *(x for x, _, _ in models)]))
        axes.set_xlabel("share of the file that is left")
        axes.set_ylabel("largest error of an output")
        _legend(axes, 4)
    return canvas.svg


_NEAR, _FAR = 1e-9, 1e3
_MARKS = {
    "good": ("o", BEFORE),
    "degraded": ("^", AFTER),
    "lost": ("X", AFTER),
    "unjudged": ("s", INK),
}


def _legend(axes: Any, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns, borderaxespad=0.1)


def _short(text: str) -> str:
    return text if len(text) <= 28 else f"{text[:13]}…{text[-13:]}"
