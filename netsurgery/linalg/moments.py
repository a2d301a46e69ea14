"""Means and products of rows that come in batches: what least squares need, never the rows."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

import numpy as np

TOGETHER = 512
"""Rows that are multiplied at a time: of a few at a time the sums themselves cost the most, and of
too many the copies in float64 leave the cache before they are multiplied."""


class Moments:
    """First and second moments of rows x, and their products with rows y, in float64.

    Rows may come in groups of their own, as those of a convolution do: then every array that
    follows has their axis in front of the axes told.

    Attributes:
        count: How many rows there were, in each group.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sums: Dict[str, np.ndarray] = {}
        self._waiting: List[Dict[str, np.ndarray]] = []
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

    def groups(self) -> List[Moments]:
        """Return the moments of each group of rows by themselves; they share their numbers."""
        self._add_up()
        parts = (zip(self._sums, arrays) for arrays in zip(*self._sums.values()))
        return [Moments.from_arrays({"count": np.asarray(self.count), **dict(p)}) for p in parts]

    def add(self, rows: np.ndarray, targets: Optional[np.ndarray] = None) -> None:
        """Take in a batch.

        Args:
            rows: x, shape (m, d), or (groups, m, d).
            targets: y, shape (m, n), or (groups, m, n); given always or never.
        """
        batch = {"x": rows} if targets is None else {"x": rows, "y": targets}
        count = rows.shape[-2]
        self.count += count
        if not self._waiting and count >= TOGETHER:
            self._multiply(batch)
            return
        # Copies, as an engine may use its arrays again.
        self._waiting.append({name: array.copy() for name, array in batch.items()})
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
        return _centred(self.second, self.mean, self.mean)

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
        return _centred(self.cross, self.target_mean, self.mean)

    def _mean_of(self, name: str) -> np.ndarray:
        self._add_up()
        assert name in self._sums, "there were no rows, or none of that kind"
        return self._sums[name] / self.count

    def _add_up(self) -> None:
        """Multiply the rows that wait."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            names = waiting[0]
            self._multiply({n: np.concatenate([one[n] for one in waiting], -2) for n in names})

    def _multiply(self, batch: Mapping[str, np.ndarray]) -> None:
        self._added_up = self.count
        for start in range(0, batch["x"].shape[-2], TOGETHER):
            part = np.s_[..., start : start + TOGETHER, :]
            rows = np.asarray(batch["x"][part], np.float64)
            self._plus("sums", rows.sum(axis=-2))
            self._plus("squares", np.swapaxes(rows, -1, -2) @ rows)
            if "y" in batch:
                targets = np.asarray(batch["y"][part], np.float64)
                self._plus("targets", targets.sum(axis=-2))
                self._plus("products", np.swapaxes(targets, -1, -2) @ rows)

    def _plus(self, name: str, part: np.ndarray) -> None:
        if name in self._sums:
            self._sums[name] += part
        else:
            self._sums[name] = part


def _centred(products: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Take the products of means off a mean of products, without a copy of it."""
    products -= left[..., :, None] * right[..., None, :]
    return products
