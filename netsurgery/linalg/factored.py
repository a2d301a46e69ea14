"""A matrix that is left as its factors, and multiplied out a few rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Tuple

import numpy as np

from netsurgery.linalg.blocks import product

NUMBERS = 1 << 22
"""Numbers that a block of rows has at most, but for one row that has more."""


@dataclass(frozen=True, eq=False)
class Factored:
    """The matrix ``left @ right``.

    Attributes:
        left: Shape (m, rank).
        right: Shape (rank, n).
    """

    left: np.ndarray
    right: np.ndarray

    @property
    def shape(self) -> Tuple[int, int]:
        """(m, n)."""
        return self.left.shape[0], self.right.shape[1]

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the product, some rows at a time, from the first to the last."""
        rows, columns = self.shape
        step = max(1, NUMBERS // max(columns, 1))
        for start in range(0, rows, step):
            yield product(self.left[start : start + step], self.right)

    def multiplied_out(self) -> np.ndarray:
        """Return the product as one array."""
        return product(self.left, self.right)
