"""Means and products of rows that come in batches: what least squares need, never the rows."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Tuple

import numpy as np

TOGETHER = 512
"""Rows that are multiplied at a time: of a few at a time the sums themselves cost the most."""

Parts = List[Tuple[np.ndarray, Optional[np.ndarray]]]


class Moments:
    """First and second moments of rows x, and their products with rows y, in float64.

    Attributes:
        count: How many rows there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sums: Dict[str, np.ndarray] = {}
        self._waiting: Parts = []
        self._added_up = 0

    def to_arrays(self) -> Dict[str, np.ndarray]:
        """Return all that is known, to be kept in a file."""
        self._add_up()
        return {"count": np.asarray(self.count), **self._sums}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Moments:
        """Return what `to_arrays` was called on.

        Raises:
            KeyError: There is no count.
        """
        moments = cls()
        moments.count = moments._added_up = int(arrays["count"])
        moments._sums = {name: array for name, array in arrays.items() if name != "count"}
        return moments

    def add(self, rows: np.ndarray, targets: Optional[np.ndarray] = None) -> None:
        """Take in a batch.

        Args:
            rows: x, shape (m, d).
            targets: y, shape (m, n); given always or never.
        """
        self.count += len(rows)
        # Copies, as an engine may use its arrays again.
        wanted = None if targets is None else np.array(targets, np.float64)
        self._waiting.append((np.array(rows, np.float64), wanted))
        if self.count - self._added_up >= TOGETHER:
            self._add_up()

    @property
    def mean(self) -> np.ndarray:
        """Mean of x, shape (d,)."""
        return self._mean_of("sums")

    @property
    def second(self) -> np.ndarray:
        """Mean of ``x x^T``, shape (d, d)."""
        return self._mean_of("squares")

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of x, shape (d, d)."""
        return self.second - np.outer(self.mean, self.mean)

    @property
    def target_mean(self) -> np.ndarray:
        """Mean of y, shape (n,)."""
        return self._mean_of("targets")

    @property
    def cross(self) -> np.ndarray:
        """Mean of ``y x^T``, shape (n, d)."""
        return self._mean_of("products")

    @property
    def cross_covariance(self) -> np.ndarray:
        """Covariance of y and x, shape (n, d)."""
        return self.cross - np.outer(self.target_mean, self.mean)

    def _mean_of(self, name: str) -> np.ndarray:
        self._add_up()
        assert name in self._sums, "there were no rows, or none of that kind"
        return self._sums[name] / self.count

    def _add_up(self) -> None:
        """Multiply the rows that wait."""
        if not self._waiting:
            return
        parts, wanted = zip(*self._waiting)
        self._waiting, self._added_up = [], self.count
        rows = np.concatenate(parts)
        self._plus("sums", rows.sum(axis=0))
        self._plus("squares", rows.T @ rows)
        if wanted[0] is not None:
            targets = np.concatenate(wanted)
            self._plus("targets", targets.sum(axis=0))
            self._plus("products", targets.T @ rows)

    def _plus(self, name: str, part: np.ndarray) -> None:
        if name in self._sums:
            self._sums[name] += part
        else:
            self._sums[name] = part
