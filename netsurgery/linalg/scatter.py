"""A covariance or second moment, held as the rows that it is made of where these are few.

That of 4096 outputs on eight inputs has rank eight: its eigenvectors are those of an 8 x 8 matrix,
where LAPACK would make 4096 x 4096 numbers tridiagonal to find them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Optional, Tuple

import numpy as np

from netsurgery.linalg.axes import column_signs, leading_axes

FEW = 4
"""Rows are few if there are no more than a fourth as many as numbers in each."""
_NOTHING = 1e-12
"""Share of the largest eigenvalue below which one is rounding: of sums of float32 numbers."""


class Scatter:
    """A positive matrix ``F^T F``, shape (n, n)."""

    def __init__(self, matrix: Optional[np.ndarray], rows: Optional[np.ndarray] = None) -> None:
        """Take it as it is, or as rows; see `of_matrix` and `of_rows`."""
        self._matrix, self._rows = matrix, rows

    @classmethod
    def of_matrix(cls, matrix: np.ndarray) -> Scatter:
        """Return one that is given multiplied out, shape (n, n)."""
        return cls(np.asarray(matrix, np.float64))

    @classmethod
    def of_rows(cls, rows: np.ndarray) -> Scatter:
        """Return ``F^T F`` of rows F, shape (k, n), which are multiplied unless they are few."""
        rows = np.asarray(rows, np.float64)
        return cls(None, rows) if FEW * len(rows) <= rows.shape[1] else cls(rows.T @ rows)

    @property
    def size(self) -> int:
        """How many numbers n it is of."""
        held = self._matrix if self._rows is None else self._rows
        assert held is not None
        return held.shape[1]

    @property
    def trace(self) -> float:
        """The sum of its eigenvalues."""
        if self._rows is not None:
            return float(np.square(self._rows).sum())
        assert self._matrix is not None
        return float(np.trace(self._matrix))

    def seen_through(self, weights: np.ndarray) -> Scatter:
        """Return that of ``weights @ x``, where this one is of x.

        Args:
            weights: Shape (m, n).
        """
        if self._rows is not None:
            return Scatter.of_rows(self._rows @ weights.T)
        return Scatter.of_matrix(weights @ self._matrix @ weights.T)

    def energy(self) -> np.ndarray:
        """Return the share of the trace in its first eigenvectors: one, two, and so on; (n,)."""
        if self._rows is not None:
            found = self._pairs[0]
        else:
            from scipy.linalg import eigvalsh

            assert self._matrix is not None
            found = eigvalsh((self._matrix + self._matrix.T) / 2)[::-1]
        values = np.zeros(self.size)
        values[: len(found)] = np.maximum(found, 0.0)
        whole = float(values.sum())
        return np.minimum(np.cumsum(values) / whole, 1.0) if whole > 0 else np.ones(len(values))

    def leading_axes(self, count: int) -> np.ndarray:
        """Return the eigenvectors of the largest eigenvalues.

        Args:
            count: How many, from 1 to n.

        Returns:
            Shape (n, count), orthonormal columns; the largest entry by magnitude of each is
            positive. Fewer columns where the rows are few and say nothing of more directions.
        """
        if self._rows is None:
            assert self._matrix is not None
            return leading_axes(self._matrix, count)
        vectors = self._pairs[1][:, :count]
        return vectors * column_signs(vectors) if vectors.size else vectors

    @cached_property
    def _pairs(self) -> Tuple[np.ndarray, np.ndarray]:
        """Eigenvalues that are more than rounding, falling, and their vectors, by the rows."""
        assert self._rows is not None
        values, turn = np.linalg.eigh(self._rows @ self._rows.T)
        values, turn = values[::-1], turn[:, ::-1]
        there = int((values > _NOTHING * max(values[0], 0.0)).sum()) if values.size else 0
        vectors = self._rows.T @ (turn[:, :there] / np.sqrt(values[:there]))
        # Of small eigenvalues the products are orthogonal to fewer digits.
        turned, triangle = np.linalg.qr(vectors)
        return values[:there], turned * np.sign(triangle.diagonal())
