"""Shapes of values and blobs."""

from __future__ import annotations

from math import prod
from typing import Optional, Sequence, Tuple

Shape = Tuple[int, ...]


def show(shape: Optional[Sequence[int]]) -> str:
    """A shape as people write it: ``1x3x224x224``; ``scalar`` without axes; ``?`` unknown."""
    if shape is None:
        return "?"
    return "x".join(map(str, shape)) or "scalar"


def count(shape: Sequence[int]) -> int:
    """Number of elements."""
    return prod(shape)


def without(shape: Shape, axis: int) -> Shape:
    """A shape without one of its axes."""
    return (*shape[:axis], *shape[axis + 1 :])


def resized(shape: Shape, axis: int, size: int) -> Shape:
    """A shape with another size along one axis."""
    return (*shape[:axis], size, *shape[axis + 1 :])
