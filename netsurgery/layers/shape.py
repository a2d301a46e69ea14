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
