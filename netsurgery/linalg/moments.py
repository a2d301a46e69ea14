"""Means and products of rows that come in batches: what least squares need, never the rows."""

from __future__ import annotations

from typing import Dict, Mapping, Optional

import numpy as np


class Moments:
    """First and second moments of rows x, and their products with rows y, in float64.

    Attributes:
        count: How many rows there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sums: Optional[np.ndarray] = None
        self._squares: Optional[np.ndarray] = None
        self._targets: Optional[np.ndarray] = None
        self._target_squares: Optional[np.ndarray] = None
        self._products: Optional[np.ndarray] = None

    def to_arrays(self) -> Dict[str, np.ndarray]:
        """Return all that is known, to be kept in a file."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        return {name.lstrip("_"): np.asarray(value) for name, value in known.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Moments:
        """Return what `to_arrays` was called on.

        Raises:
            KeyError: There is no count.
        """
        moments = cls()
        moments.count = int(arrays["count"])
        for name in vars(moments):
            if name.startswith("_"):
                setattr(moments, name, arrays.get(name[1:]))
        return moments

    def add(self, rows: np.ndarray, targets: Optional[np.ndarray] = None) -> None:
        """Take in a batch.

        Args:
            rows: x, shape (m, d).
            targets: y, shape (m, n); given always or never.
        """
        rows = np.asarray(rows, np.float64)
        self.count += len(rows)
        self._sums = _plus(self._sums, rows.sum(axis=0))
        self._squares = _plus(self._squares, rows.T @ rows)
        if targets is not None:
            targets = np.asarray(targets, np.float64)
            self._targets = _plus(self._targets, targets.sum(axis=0))
            self._target_squares = _plus(self._target_squares, (targets**2).sum(axis=0))
            self._products = _plus(self._products, targets.T @ rows)

    @property
    def mean(self) -> np.ndarray:
        """Mean of x, shape (d,)."""
        return self._mean_of(self._sums)

    @property
    def second(self) -> np.ndarray:
        """Mean of ``x x^T``, shape (d, d)."""
        return self._mean_of(self._squares)

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of x, shape (d, d)."""
        return self.second - np.outer(self.mean, self.mean)

    @property
    def target_mean(self) -> np.ndarray:
        """Mean of y, shape (n,)."""
        return self._mean_of(self._targets)

    @property
    def target_second(self) -> np.ndarray:
        """Mean of the square of each y, shape (n,)."""
        return self._mean_of(self._target_squares)

    @property
    def cross(self) -> np.ndarray:
        """Mean of ``y x^T``, shape (n, d)."""
        return self._mean_of(self._products)

    @property
    def cross_covariance(self) -> np.ndarray:
        """Covariance of y and x, shape (n, d)."""
        return self.cross - np.outer(self.target_mean, self.mean)

    def _mean_of(self, sums: Optional[np.ndarray]) -> np.ndarray:
        assert sums is not None, "there were no rows, or none of that kind"
        return sums / self.count


def _plus(total: Optional[np.ndarray], part: np.ndarray) -> np.ndarray:
    if total is None:
        return part
    total += part
    return total
