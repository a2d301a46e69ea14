"""Labels of a value as an array that broadcasts to the value's shape."""

from __future__ import annotations

from math import prod
from typing import Iterator, List, Sequence, Tuple

import numpy as np

from netsurgery.layers.shape import Shape


def varying(labels: np.ndarray) -> List[int]:
    """The axes along which labels differ."""
    return [axis for axis, size in enumerate(labels.shape) if size > 1]


def placed(labels: np.ndarray, axis: int, axes: int) -> np.ndarray:
    """One-dimensional labels along one of ``axes`` axes."""
    shape = [1] * axes
    shape[axis] = len(labels)
    return labels.reshape(shape)


def squeezed(labels: np.ndarray) -> np.ndarray:
    """The same with size 1 for every axis along which nothing differs."""
    for axis in varying(labels):
        first = labels.take([0], axis)
        if (labels == first).all():
            labels = first
    return labels


def spread(labels: np.ndarray, shape: Sequence[int], axes: Sequence[int]) -> np.ndarray:
    """The same with the full size of ``shape`` along ``axes``."""
    wanted = [shape[axis] if axis in axes else size for axis, size in enumerate(labels.shape)]
    return np.broadcast_to(labels, wanted)


def reshaped(labels: np.ndarray, old: Shape, new: Shape) -> np.ndarray:
    """Labels of a value of shape ``old`` after it was reshaped to ``new``.

    Only axes that are merged or divided together with one that carries channels are written
    out, so that a big picture costs nothing.
    """
    full: List[int] = []
    sizes: List[int] = []
    for before, after in _blocks(old, new):
        carries = any(labels.shape[axis] > 1 for axis in before)
        full += before if carries else []
        sizes += [new[axis] if carries else 1 for axis in after]
    return spread(labels, old, full).reshape(sizes)


def _blocks(old: Shape, new: Shape) -> Iterator[Tuple[List[int], List[int]]]:
    """The shortest runs of axes that hold the same numbers before and after a reshape."""
    before, after = 0, 0
    while before < len(old) or after < len(new):
        starts = before, after
        before, after = min(before + 1, len(old)), min(after + 1, len(new))
        while prod(old[starts[0] : before]) != prod(new[starts[1] : after]):
            if prod(old[starts[0] : before]) < prod(new[starts[1] : after]):
                before += 1
            else:
                after += 1
        yield list(range(starts[0], before)), list(range(starts[1], after))
