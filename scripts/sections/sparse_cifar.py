"""Nets of CIFAR-10 pruned to zeros: accuracy against sparsity."""

from __future__ import annotations

from pathlib import Path

from smaller import NETS as ALL
from sparse import SparseBench, recipe_of
from sparse_tables import Sweep
from store import KNOWN_ONLY
from zoo_data import ZooData

TITLE = "Pruning to zeros: CIFAR-10"
NETS = {name: ALL[name] for name in ("cifar10_quick_everpeace", "cifar10_full_everpeace")}
SPARSITIES = (0.5, 0.7, 0.8, 0.9)
RECIPE = recipe_of(100, 0.0005, 100)
SWEEPS = [Sweep(net, SPARSITIES, RECIPE) for net in NETS]
_INTRODUCTION = f"""\
As above, with few steps: {RECIPE.steps} of {RECIPE.batch}, {RECIPE.steps * RECIPE.batch / 4750:.1f}
times through 4,750 of the 5,000 training images there are (the originals saw 50,000, for tens of
thousands of steps), mirrored and moved by up to two pixels, by their labels. Accuracy on 3,000
images that nothing saw. What a net lacks after so short a tuning, more steps may bring back: the
table is to hold methods against each other.
"""


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown, and draw its plots.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    bench = SparseBench(NETS, ZooData(data, zoo), "sparse_cifar")
    for of_both in () if KNOWN_ONLY else zip(*(sweep.cases for sweep in SWEEPS)):
        for case in of_both:
            bench.measure(case, RECIPE)
    lines = [_INTRODUCTION]
    for sweep in SWEEPS:
        lines += sweep.written(bench)
    return "\n".join(lines)
