"""Nets of MNIST pruned to zeros: accuracy against sparsity, and how far they can go."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Tuple

from sparse import CUBIC, DEEP, NETS, ONCE, SMALL, Case, SparseBench, recipe_of
from sparse_curves import SparseCurve, draw_sparse
from store import KNOWN_ONLY, ROOT
from tuning import Recipe
from zoo_data import ZooData

from netsurgery.saliency import SALIENCIES

TITLE = "Pruning to zeros: MNIST"
METHODS = ("magnitude", "lamp", "obs", "obd", "taylor", "trifactor", "random")
SPARSITIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
RECIPES = {SMALL: recipe_of(2500, 0.01), DEEP: recipe_of(500, 0.01)}


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
MARK_METHODS = ("lamp", "magnitude")
DENSE = {net: Case(net, "magnitude", 0.0) for net in NETS}
"""Nets of which nothing is closed, tuned as long as those at the marks."""
_STEPS = ", ".join(f"{net}: {one.steps} at {one.rate:g}" for net, one in MARK_RECIPES.items())
_INTRODUCTION = f"""\
`netsurgery prune --sparsity` on LeNet-300-100 (`{SMALL}`) and LeNet-5 (`{DEEP}`): the least
weights of all layers together become zero, biases stay. Trained on 8,000 images (400 of them kept
aside), moved by up to a pixel; accuracy on 2,000 others. Masks hold in every step; SGD with
momentum 0.9, batches of 64. 1,000 of the training images calibrate the methods that look at some.
"""
_MARKS = f"""\
How far it can go where others got from 60,000 images without loss, with weights closed along a
cubic ramp in the first 0.6 of the steps ({_STEPS}).
*points lost* is negative where accuracy rose; training alone makes it rise: *dense* is the original
trained as long, with nothing closed. A dash was not measured.
"""


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown, and draw its plots.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    bench = SparseBench(NETS, ZooData(data, zoo), "sparse_mnist")
    methods = [name for name in METHODS if name in SALIENCIES.all()]
    for case, recipe in () if KNOWN_ONLY else _order(methods):
        bench.measure(case, recipe)
    lines = [_INTRODUCTION, _MARKS, *_marks(bench), ""]
    for net, recipe in RECIPES.items():
        lines += [
            f"### {net}",
            "",
            f"All at once, then {recipe.steps} steps from rate {recipe.rate:g} on: accuracy before "
            f"and after. The original: {_figure(bench.original(net))}.",
            "",
            *_table(net, bench),
            "",
            _plot(net, bench),
            "",
        ]
    return "\n".join(lines)


def _order(methods: List[str]) -> List[Tuple[Case, Recipe]]:
    """What is measured: what is quick first, and each net's mark before its curves."""
    found = []
    for net in NETS:
        marks = [mark for mark in MARKS if mark.net == net]
        for mark in marks:
            ramps = [Case(net, one, mark.sparsity, CUBIC) for one in MARK_METHODS]
            found += [(case, MARK_RECIPES[net]) for case in ramps]
        found.append((DENSE[net], MARK_RECIPES[net]))
        for sparsity in sorted(SPARSITIES, key=lambda one: -(one == 0.9)):
            cases = [Case(net, one, sparsity, ONCE) for one in methods]
            found += [(case, RECIPES[net]) for case in cases]
    return found


def _marks(bench: SparseBench) -> List[str]:
    titles = ["net", "weights left", "mark of", "original", "dense"]
    for method in MARK_METHODS:
        titles += [method, "points lost"]
    lines = [f"| {' | '.join(titles)} |", "|---|---:|---|" + "---:|" * (len(titles) - 3)]
    for mark in MARKS:
        original = bench.original(mark.net)
        left = f"{100 * (1 - mark.sparsity):.3g} %"
        dense = bench.known(DENSE[mark.net], MARK_RECIPES[mark.net])
        row = [mark.net, left, mark.source, _figure(original), _figure(dense and dense.after)]
        for method in MARK_METHODS:
            case = Case(mark.net, method, mark.sparsity, CUBIC)
            got = bench.known(case, MARK_RECIPES[mark.net])
            lost = None if got is None or original is None else 100 * (original - got.after)
            row.append("-" if got is None else _figure(got.after))
            row.append("-" if lost is None else f"{round(lost, 2) + 0.0:.2f}")
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _figure(accuracy: object) -> str:
    return f"{accuracy:.4f}" if isinstance(accuracy, float) else "-"


def _table(net: str, bench: SparseBench) -> List[str]:
    titles = ["method", *(f"{sparsity:g}" for sparsity in SPARSITIES)]
    lines = [f"| {' | '.join(titles)} |", "|---|" + "---:|" * len(SPARSITIES)]
    for method in METHODS:
        row = [method]
        for sparsity in SPARSITIES:
            got = bench.known(Case(net, method, sparsity), RECIPES[net])
            row.append("-" if got is None else f"{got.before:.4f} → {got.after:.4f}")
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _plot(net: str, bench: SparseBench) -> str:
    """Draw the curves of a net and return the line that shows them, if one has two points."""
    curves: Dict[str, SparseCurve] = {}
    for method in METHODS:
        cases = [Case(net, method, sparsity) for sparsity in SPARSITIES]
        known = [(case, bench.known(case, RECIPES[net])) for case in cases]
        points = [(1 - case.sparsity, got.before, got.after) for case, got in known if got]
        if len(points) > 1:
            curves[method] = SparseCurve(points)
    original = bench.original(net)
    if original is None or not curves:
        return ""
    path = ROOT / "docs" / "images" / f"sparse-{net}.svg"
    draw_sparse(curves, net, original, path)
    return f"![accuracy of {net} against the weights that are left](images/{path.name})"
