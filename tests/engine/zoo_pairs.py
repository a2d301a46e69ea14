"""Models of the zoo to run, and how far two engines may be apart on them."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, NamedTuple

import numpy as np

# name: prototxt, weights, the number of summands along the deepest path from input to output
_PAIRS = {
    "lenet_ethereon": ("deploy.prototxt", "lenet_iter_10000.caffemodel", 25 + 500 + 800 + 500),
    "lenet_everpeace": ("deploy.prototxt", "lenet_iter_10000.caffemodel", 25 + 500 + 800 + 500),
    "mtcnn_det3": ("deploy.prototxt", "det3.caffemodel", 27 + 288 + 576 + 256 + 1152 + 256),
    "mtcnn_det4_lnet": ("deploy.prototxt", "det4.caffemodel", 27 + 252 + 192 + 2880 + 256 + 64),
}


class Pair(NamedTuple):
    """A model of the zoo."""

    prototxt: Path
    weights: Path
    summands: int


NAMES = tuple(_PAIRS)


def find(zoo: Path, name: str) -> Pair:
    """The model of that name in the zoo."""
    prototxt, weights, summands = _PAIRS[name]
    return Pair(zoo / name / prototxt, zoo / name / weights, summands)


def noise(summands: int) -> float:
    """The relative difference that float32 alone may make between two orders of summation.

    Rounding errors of ``n`` additions add up like a random walk to about ``sqrt(n)`` units
    in the last place; four times that is never reached in practice.
    """
    return 4 * summands**0.5 * float(np.finfo(np.float32).eps)


def distance(one: Dict[str, np.ndarray], other: Dict[str, np.ndarray]) -> Dict[str, float]:
    """The largest difference in each blob, as a share of the blob's largest magnitude."""
    assert {name: a.shape for name, a in one.items()} == {n: a.shape for n, a in other.items()}
    return {
        name: float(np.max(np.abs(one[name] - other[name])) / np.max(np.abs(other[name])))
        for name in one
    }
