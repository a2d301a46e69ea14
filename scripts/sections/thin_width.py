"""A net cut to a width and trained, from its own weights and from random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional

from curves import draw_over_steps
from starts import (
    L1,
    NET,
    RANDOM,
    SOMP,
    WIDTH,
    StartCurve,
    original_accuracy,
    trained,
    what_is_left,
)
from store import KNOWN_ONLY, ROOT, MeasurementStore
from tuning import LABELS, TRAINED, Recipe
from zoo_data import ZooData

TITLE = "A thin net: its own weights against random ones"
STARTS = {SOMP: "SOMP", L1: "l1 norms", RANDOM: "random weights"}
SEEDS = (0, 1, 2)
STEPS, EVERY, BATCH = 400, 40, 100
RATES = (0.003, 0.01)
SHOWN = (0, 40, 80, 160, 320, 400)
"""Steps that have a column."""
CODE = (*TRAINED, "criteria/somp.py", "criteria/norms.py", "linalg/selection.py")
_INTRODUCTION = f"""\
The comparison of Lu et al. 2017: `{NET.folder}` cut to width {WIDTH} (`netsurgery thin --recipe
lu2017 --width {WIDTH}`: convolutions keep {WIDTH} channels, InnerProduct layers {2 * WIDTH}, and
nothing stands in for the others), then trained by labels on the 5,000 images there are. *SOMP*
keeps the rows of weights of which the others are best put together, *l1 norms* the largest rows;
*random weights* is a net of the same sizes, drawn by its own fillers (`msra`). All are trained
alike: {STEPS} steps of {BATCH}, SGD with momentum 0.9, a tenth of the rate from step
{8 * STEPS // 10} on and a hundredth from {93 * STEPS // 100} on, mirrored and moved by up to two
pixels; the last net counts. Each start has the rate, {" or ".join(map(str, RATES))}, by which it
is best in the end on 500 images kept aside (seed 0). Accuracy on 3,000 images that nothing saw:
the mean of {len(SEEDS)} seeds, and in brackets the lowest and the highest. A seed draws batches,
views, what Dropout leaves out, and random weights. A dash was not measured.
"""


class _Figures:
    """What is known of each start."""

    def __init__(self, data: ZooData) -> None:
        self._data, self._store = data, MeasurementStore("thin_width", CODE)

    def measure(self) -> None:
        """Find out what is not known: by which rate each start does best, then all seeds."""
        for key, figure in ((["original"], original_accuracy), (["left"], what_is_left)):
            if self._store.get(key) is None:
                self._store.add(key, figure(self._data))
        for start in STARTS:
            for rate in RATES:
                self._train(start, rate, SEEDS[0])
        for seed in SEEDS[1:]:
            for start in STARTS:
                best = self.rate(start)
                assert best is not None, "all rates were tried"
                self._train(start, best, seed)

    def original(self) -> Optional[float]:
        """Accuracy of the net as it is."""
        accuracy: Optional[float] = self._store.get(["original"])
        return accuracy

    def left(self) -> Optional[List[float]]:
        """Shares of the MACs and of the weights that the thin net has."""
        shares: Optional[List[float]] = self._store.get(["left"])
        return shares

    def rate(self, start: str) -> Optional[float]:
        """The best rate of a start, if all were tried."""
        tried = {rate: self._curve(start, rate, SEEDS[0]) for rate in RATES}
        known = {rate: curve.aside for rate, curve in tried.items() if curve is not None}
        return max(known, key=lambda one: known[one]) if len(known) == len(RATES) else None

    def curves(self, start: str) -> List[StartCurve]:
        """The curves of a start by its best rate, of the seeds that are known."""
        best = self.rate(start)
        if best is None:
            return []
        found = [self._curve(start, best, seed) for seed in SEEDS]
        return [curve for curve in found if curve is not None]

    def _train(self, start: str, rate: float, seed: int) -> None:
        if self._curve(start, rate, seed) is None:
            recipe = _recipe(rate, seed)
            self._store.add([start, *recipe, EVERY], trained(start, recipe, EVERY, self._data))

    def _curve(self, start: str, rate: float, seed: int) -> Optional[StartCurve]:
        got = self._store.get([start, *_recipe(rate, seed), EVERY])
        return None if got is None else StartCurve(*got)


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown, and draw its plot.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    figures = _Figures(ZooData(data, zoo))
    if not KNOWN_ONLY:
        figures.measure()
    original, left, lines = figures.original(), figures.left(), [_INTRODUCTION]
    if original is not None and left is not None:
        lines.append(
            f"The original gets {original:.4f}; the thin net has {100 * left[0]:.2g} % of its MACs "
            f"and {100 * left[1]:.2g} % of its weights.\n"
        )
    titles = ["start", "rate", *(f"step {step}" for step in SHOWN)]
    lines += [f"| {' | '.join(titles)} |", "|---|---:|" + "---:|" * len(SHOWN)]
    lines += [f"| {' | '.join(_row(start, figures))} |" for start in STARTS]
    return "\n".join([*lines, "", _plot(figures)])


def _recipe(rate: float, seed: int) -> Recipe:
    return Recipe(LABELS, STEPS, rate, BATCH, keep_best=False, seed=seed)


def _row(start: str, figures: _Figures) -> List[str]:
    rate, curves = figures.rate(start), figures.curves(start)
    cells = [STARTS[start], "-" if rate is None else f"{rate:g}"]
    for step in SHOWN:
        at = [curve.accuracies[curve.steps.index(step)] for curve in curves]
        cells.append(f"{sum(at) / len(at):.3f} ({min(at):.3f}-{max(at):.3f})" if at else "-")
    return cells


def _plot(figures: _Figures) -> str:
    """Draw the curves and return the line that shows them, if there are some."""
    found: Dict[str, List[StartCurve]] = {
        name: figures.curves(start) for start, name in STARTS.items()
    }
    drawn = {name: curves for name, curves in found.items() if curves}
    original = figures.original()
    if original is None or not drawn:
        return ""
    path = ROOT / "docs" / "images" / "thin-width.svg"
    title = f"{NET.folder}, width {WIDTH}"
    draw_over_steps(
        {
            name: (curves[0].steps, [curve.accuracies for curve in curves])
            for name, curves in drawn.items()
        },
        title,
        original,
        path,
    )
    return f"![accuracy of {title} against the steps of training](images/{path.name})"
