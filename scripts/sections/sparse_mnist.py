"""Nets of MNIST pruned to zeros: accuracy against sparsity, and how far they can go."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from sparse import CUBIC, DEEP, DYNAMIC, NETS, SMALL, Case, SparseBench, recipe_of
from sparse_tables import Sweep, figure
from store import KNOWN_ONLY
from tuning import BOTH, Recipe
from zoo_data import ZooData

TITLE = "Pruning to zeros: MNIST"
SPARSITIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
SWEEPS = (
    Sweep(SMALL, SPARSITIES, recipe_of(2500, 0.01)),
    Sweep(DEEP, SPARSITIES, recipe_of(400, 0.01, 32)),
)


class _Mark(NamedTuple):
    """What others left of a net."""

    source: str
    net: str
    sparsity: float


MARKS = (
    _Mark("Guo 2016", SMALL, 0.982),
    _Mark("Guo 2016", DEEP, 0.991),
    _Mark("D. Molchanov 2017", SMALL, 0.985),
    _Mark("D. Molchanov 2017", DEEP, 0.9964),
)
MARK_RECIPES = {SMALL: recipe_of(7500, 0.02), DEEP: recipe_of(4000, 0.01)}
WAYS = (("lamp", CUBIC), ("magnitude", CUBIC), ("lamp", DYNAMIC), ("magnitude", DYNAMIC))
"""What says how much a weight matters, and the schedule."""
DENSE = {net: Case(net, "magnitude", 0.0) for net in NETS}
"""Nets of which nothing is closed, tuned as long as those at the marks."""

FARTHEST = MARKS[-1]
TRIED: Tuple[Tuple[Case, Recipe], ...] = (
    (Case(DEEP, "lamp", FARTHEST.sparsity, CUBIC), recipe_of(4000, 0.03, 32)),
    (Case(DEEP, "lamp", FARTHEST.sparsity, CUBIC), recipe_of(4000, 0.03, 32, BOTH)),
    (Case(DEEP, "lamp", FARTHEST.sparsity, CUBIC), recipe_of(4000, 0.03, 64, BOTH)),
    (Case(DEEP, "magnitude", FARTHEST.sparsity, CUBIC), recipe_of(4000, 0.03, 64, BOTH)),
)
"""Ways to the farthest mark."""

_STEPS = ", ".join(
    f"{net}: {one.steps} of {one.batch} from rate {one.rate:g} on"
    for net, one in MARK_RECIPES.items()
)
_INTRODUCTION = f"""\
`netsurgery prune --sparsity` on LeNet-300-100 (`{SMALL}`) and LeNet-5 (`{DEEP}`): the least
weights of all layers together become zero, biases stay. Trained on 8,000 images (400 of them kept
aside), moved by up to a pixel; accuracy on 2,000 others. Masks hold in every step; SGD with
momentum 0.9. 1,000 of the training images calibrate the methods that look at some. The originals
were trained on 60,000 images: where hardly anything is closed, a short tuning on few can cost more
than it brings.
"""
_MARKS = f"""\
How far it can go where others got from 60,000 images without loss, with weights closed along a
cubic ramp in the first 0.6 of the steps, or by dynamic surgery, where weights may come back in the
first 0.75. Steps: {_STEPS}.
Accuracy, and in brackets the points that it lacks to the original, below 0 where it rose; training
alone makes it rise: *dense* is the original trained as long, with nothing closed. A dash was not
measured.
"""
_CHOICE = f"""\
Ways to {100 * (1 - FARTHEST.sparsity):.2g} % of `{DEEP}`, trained on 5,700 of the training images
and compared by 2,000 others of them (*aside*), so that the 2,000 images that judge in the end have
no part in the choice; what is best so is then trained as above, and judged. *taught*: by labels, or
also by what the original answers. *ramp*: the share of the steps in which weights close.
"""


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown, and draw its plots.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    source = ZooData(data, zoo)
    bench = SparseBench(NETS, source, "sparse_mnist")
    choice = SparseBench(NETS, source, "sparse_mnist_choice", judged_by_seen=True)
    if not KNOWN_ONLY:
        _measure(bench, choice)
    lines = [_INTRODUCTION, _MARKS, *_marks(bench), "", _CHOICE, *_choice(bench, choice), ""]
    for sweep in SWEEPS:
        lines += sweep.written(bench)
    return "\n".join(lines)


def _measure(bench: SparseBench, choice: SparseBench) -> None:
    """Find out what is not known: what is quick first."""
    for sweep in SWEEPS:
        for case in sweep.cases:
            bench.measure(case, sweep.recipe)
        net, recipe = sweep.net, MARK_RECIPES[sweep.net]
        bench.measure(DENSE[net], recipe)
        for case in [case for mark in MARKS if mark.net == net for case in _ways(mark)]:
            bench.measure(case, recipe)
    for case, recipe in TRIED:
        choice.measure(case, recipe)
    best = _best(choice)
    assert best, "they were measured"
    bench.measure(*best)


def _ways(mark: _Mark) -> List[Case]:
    return [Case(mark.net, method, mark.sparsity, schedule) for method, schedule in WAYS]


def _marks(bench: SparseBench) -> List[str]:
    ways = [f"{method}, {schedule}" for method, schedule in WAYS]
    titles = ["net", "weights left", "mark of", "original", "dense", *ways]
    lines = [f"| {' | '.join(titles)} |", "|---|---:|---|" + "---:|" * (len(titles) - 3)]
    for mark in MARKS:
        recipe, left = MARK_RECIPES[mark.net], f"{100 * (1 - mark.sparsity):.3g} %"
        row = [mark.net, left, mark.source, figure(bench.original(mark.net))]
        row += [_held(case, recipe, bench) for case in (DENSE[mark.net], *_ways(mark))]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _choice(bench: SparseBench, choice: SparseBench) -> List[str]:
    titles = ["method", "schedule", "taught", "ramp", "steps", "batch", "rate", "aside", "judged"]
    lines = [f"| {' | '.join(titles)} |", "|---|---|---|" + "---:|" * 6]
    best = _best(choice)
    for case, recipe in TRIED:
        got = choice.known(case, recipe)
        ramp = f"{case.ramp:g}" if case.schedule == CUBIC else ""
        row = [case.method, case.schedule, recipe.taught, ramp]
        row += [f"{recipe.steps}", f"{recipe.batch}", f"{recipe.rate:g}", figure(got and got.after)]
        row.append(_held(case, recipe, bench) if (case, recipe) == best else "")
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _best(choice: SparseBench) -> Optional[Tuple[Case, Recipe]]:
    """The way that is best by the images kept aside, the first of equals, when all are known."""
    known = [choice.known(case, recipe) for case, recipe in TRIED]
    accuracies = [got.after for got in known if got is not None]
    return TRIED[accuracies.index(max(accuracies))] if len(accuracies) == len(TRIED) else None


def _held(case: Case, recipe: Recipe, bench: SparseBench) -> str:
    """What came of a case, held against the original."""
    got, original = bench.known(case, recipe), bench.original(case.net)
    if got is None or original is None:
        return "-"
    return f"{figure(got.after)} ({round(100 * (original - got.after), 2) + 0.0:.2f})"
