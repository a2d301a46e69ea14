"""Nets cut to a width and trained, from their own weights and from random ones."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from accuracy import Net
from curves import draw_over_steps
from starts import L1, RANDOM, SOMP, WIDTH, StartCurve, original_accuracy, trained, what_is_left
from store import KNOWN_ONLY, ROOT, MeasurementStore
from tuning import LABELS, TRAINED, Recipe
from zoo_data import ZooData

TITLE = "A thin net: its own weights against random ones"
STARTS = {SOMP: "SOMP", L1: "l1 norms", RANDOM: "random weights"}
SEEDS = (0, 1, 2)
RATES = (0.003, 0.01)


class Trial(NamedTuple):
    """How long a net is trained, and how often it is looked at.

    Attributes:
        net: The net.
        steps: Iterations.
        every: Steps from one look to the next.
        batch: Inputs of a step.
        shown: Steps that have a column.
    """

    net: Net
    steps: int
    every: int
    batch: int
    shown: Tuple[int, ...]

    def recipe(self, rate: float, seed: int) -> Recipe:
        """Return how it is trained."""
        return Recipe(LABELS, self.steps, rate, self.batch, keep_best=False, seed=seed)


TRIALS = (
    Trial(
        Net("lenet_everpeace", "deploy.prototxt", "lenet_iter_10000.caffemodel"),
        *(200, 20, 64),
        (0, 20, 40, 80, 140, 200),
    ),
    Trial(
        Net("local_cifar10_convfc", "deploy.prototxt", "local_cifar10_convfc.caffemodel"),
        *(400, 40, 100),
        (0, 40, 80, 160, 280, 400),
    ),
)
CODE = (*TRAINED, "criteria/somp.py", "criteria/norms.py", "linalg/selection.py")
_INTRODUCTION = f"""\
The comparison of Lu et al. 2017: a net cut to width {WIDTH} (`netsurgery thin --recipe lu2017
--width {WIDTH}`: convolutions keep {WIDTH} channels, InnerProduct layers {2 * WIDTH}, and nothing
stands in for the others), then trained by labels, on 8,000 images of MNIST or 5,000 of CIFAR-10.
*SOMP* keeps the rows of weights of which the others are best put together, *l1 norms* the largest
rows; *random weights* is a net of the same sizes, drawn as He et al. 2015 do. All are trained
alike: SGD with momentum 0.9, a tenth of the rate from 0.8 of the steps on and a hundredth from 0.93
on; the last net counts. Each start has the rate, {" or ".join(map(str, RATES))}, by which it is
best in the end on a tenth of the images, kept aside (seed 0); no other rate was tried. Accuracy on
2,000 images of MNIST or 3,000 of CIFAR-10 that nothing saw: the mean of {len(SEEDS)} seeds, and in
brackets the lowest and the highest. A seed draws batches, views, what Dropout leaves out, and
random weights. A dash was not measured.
"""


class _Figures:
    """What is known of each start of a net."""

    def __init__(self, trial: Trial, data: ZooData) -> None:
        self._trial, self._data = trial, data
        self._store = MeasurementStore("thin_width", CODE)

    def measure(self) -> None:
        """Find out what is not known: by which rate each start does best, then all seeds."""
        net = self._trial.net
        for key, figure in (("original", original_accuracy), ("left", what_is_left)):
            if self._store.get([net.folder, key]) is None:
                self._store.add([net.folder, key], figure(net, self._data))
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
        accuracy: Optional[float] = self._store.get([self._trial.net.folder, "original"])
        return accuracy

    def left(self) -> Optional[List[float]]:
        """Shares of the MACs and of the weights that the thin net has."""
        shares: Optional[List[float]] = self._store.get([self._trial.net.folder, "left"])
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
            how = self._trial.recipe(rate, seed), self._trial.every
            found = trained(self._trial.net, start, *how, self._data)
            self._store.add(self._key(start, rate, seed), found)

    def _curve(self, start: str, rate: float, seed: int) -> Optional[StartCurve]:
        got = self._store.get(self._key(start, rate, seed))
        return None if got is None else StartCurve(*got)

    def _key(self, start: str, rate: float, seed: int) -> List[object]:
        trial = self._trial
        return [trial.net.folder, start, *trial.recipe(rate, seed), trial.every]


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown, and draw its plots.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    lines = [_INTRODUCTION]
    for trial in TRIALS:
        figures = _Figures(trial, ZooData(data, zoo))
        if not KNOWN_ONLY:
            figures.measure()
        lines += [f"### {trial.net.folder}, width {WIDTH}", "", *_part(trial, figures), ""]
    return "\n".join(lines)


def _part(trial: Trial, figures: _Figures) -> List[str]:
    """What is told of a net."""
    original, left, lines = figures.original(), figures.left(), []
    if original is not None and left is not None:
        lines.append(
            f"{trial.steps} steps of {trial.batch}. The original gets {original:.4f}; the thin net "
            f"has {100 * left[0]:.2g} % of its MACs and {100 * left[1]:.2g} % of its weights.\n"
        )
    titles = ["start", "rate", *(f"step {step}" for step in trial.shown)]
    lines += [f"| {' | '.join(titles)} |", "|---|---:|" + "---:|" * len(trial.shown)]
    lines += [f"| {' | '.join(_row(trial, start, figures))} |" for start in STARTS]
    return [*lines, "", _plot(trial, figures)]


def _row(trial: Trial, start: str, figures: _Figures) -> List[str]:
    rate, curves = figures.rate(start), figures.curves(start)
    cells = [STARTS[start], "-" if rate is None else f"{rate:g}"]
    for step in trial.shown:
        at = [curve.accuracies[curve.steps.index(step)] for curve in curves]
        cells.append(f"{sum(at) / len(at):.3f} ({min(at):.3f}-{max(at):.3f})" if at else "-")
    return cells


def _plot(trial: Trial, figures: _Figures) -> str:
    """Draw the curves and return the line that shows them, if there are some."""
    found: Dict[str, List[StartCurve]] = {
        name: figures.curves(start) for start, name in STARTS.items()
    }
    drawn = {
        name: (curves[0].steps, [curve.accuracies for curve in curves])
        for name, curves in found.items()
        if curves
    }
    original = figures.original()
    if original is None or not drawn:
        return ""
    path = ROOT / "docs" / "images" / f"thin-width-{trial.net.folder}.svg"
    title = f"{trial.net.folder}, width {WIDTH}"
    draw_over_steps(drawn, title, original, path)
    return f"![accuracy of {title} against the steps of training](images/{path.name})"
