"""Means and products of rows that come in batches: what least squares need, never the rows."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

import numpy as np

from netsurgery.linalg.scatter import Scatter

TOGETHER = 512
"""Rows that are multiplied at a time: of a few at a time the sums themselves cost the most, and of
too many the copies in float64 leave the cache before they are multiplied."""

_ROUNDING = 1e-12
"""What rounding does to a second moment, as a share of the mean square of each number."""


class Moments:
    """First and second moments of rows x, and their products with rows y, in float64.

    Rows may come in groups of their own, as those of a convolution do: then every array that
    follows has their axis in front of the axes told. Rows are held as they are while there are
    fewer of them than numbers in one: they take less room than their products.

    Attributes:
        count: How many rows there were, in each group.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sums: Dict[str, np.ndarray] = {}
        self._waiting: List[Dict[str, np.ndarray]] = []
        self._added_up = 0

    def to_arrays(self) -> Dict[str, np.ndarray]:
        """Return all that is known, to be kept in a file: few rows as they are."""
        few = self._few_rows()
        if few is None:
            self._add_up()
        return {"count": np.asarray(self.count), **(self._sums if few is None else few)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Moments:
        """Return what `to_arrays` was called on.

        Raises:
            KeyError: There is no count.
        """
        moments = cls()
        moments.count = int(arrays["count"])
        rest = {name: array for name, array in arrays.items() if name != "count"}
        if "x" in rest:
            moments._waiting = [rest]
        else:
            moments._sums, moments._added_up = rest, moments.count
        return moments

    def groups(self) -> List[Moments]:
        """Return the moments of each group of rows by themselves; they share their numbers."""
        arrays = self.to_arrays()
        count = arrays.pop("count")
        parts = zip(*arrays.values())
        return [Moments.from_arrays({"count": count, **dict(zip(arrays, part))}) for part in parts]

    def add(self, rows: np.ndarray, targets: Optional[np.ndarray] = None) -> None:
        """Take in a batch.

        Args:
            rows: x, shape (m, d), or (groups, m, d).
            targets: y, shape (m, n), or (groups, m, n); given always or never.
        """
        batch = {"x": rows} if targets is None else {"x": rows, "y": targets}
        count = rows.shape[-2]
        self.count += count
        enough = max(TOGETHER, rows.shape[-1])
        if not self._waiting and count >= enough:
            self._multiply(batch)
            return
        # Copies, as an engine may use its arrays again.
        self._waiting.append({name: array.copy() for name, array in batch.items()})
        if self.count - self._added_up >= enough:
            self._add_up()

    @property
    def mean(self) -> np.ndarray:
        """Mean of x, shape (d,)."""
        return self._mean_of("sums")

    @property
    def second(self) -> np.ndarray:
        """Mean of ``x x^T``, shape (d, d)."""
        return self._mean_of("squares")

    def second_of(self, columns: slice) -> np.ndarray:
        """Return the mean of ``x x^T`` of some of the numbers in x, without that of the others."""
        few = self._few_rows()
        if few is None:
            self._add_up()
            return self._sums["squares"][..., columns, columns] / self.count
        rows = np.asarray(few["x"][..., columns], np.float64)
        return np.swapaxes(rows, -1, -2) @ rows / self.count

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of x, shape (d, d)."""
        return _centred(self.second, self.mean, self.mean)

    def half(self, centred: bool) -> np.ndarray:
        """Return rows whose products add up to a moment of x, no more than x has numbers.

        Args:
            centred: Whether to the covariance, else to the second moment.

        Returns:
            Shape (k, d), float32: F with ``F^T F`` the moment to 2^-24 of what each of its columns
            measures. Of few rows x it is these, of more a triangle.
        """
        few = self._few_rows()
        if few is not None:
            rows = few["x"]
            rows = rows - rows.mean(axis=-2, keepdims=True, dtype=np.float64) * centred
            return (rows / np.sqrt(self.count)).astype(np.float32)
        moment = self.covariance if centred else self.second
        return np.swapaxes(_root(moment), -1, -2).astype(np.float32)

    def scatter(self, centred: bool) -> Scatter:
        """Return a moment of x in float64, as rows where these are few.

        Args:
            centred: Whether the covariance, else the second moment.
        """
        few = self._few_rows()
        if few is None:
            return Scatter.of_matrix(self.covariance if centred else self.second)
        rows = np.asarray(few["x"], np.float64)
        return Scatter.of_rows((rows - rows.mean(axis=0) * centred) / np.sqrt(self.count))

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
            rows, self._waiting = self._rows(), []
            self._multiply(rows)

    def _few_rows(self) -> Optional[Dict[str, np.ndarray]]:
        """All rows there were, if they are fewer than the numbers in one."""
        few = self._waiting and not self._added_up and self.count < self._waiting[0]["x"].shape[-1]
        return self._rows() if few else None

    def _rows(self) -> Dict[str, np.ndarray]:
        """The rows that wait, all together."""
        names = self._waiting[0] if self._waiting else ()
        return {n: np.concatenate([one[n] for one in self._waiting], axis=-2) for n in names}

    def _multiply(self, batch: Mapping[str, np.ndarray]) -> None:
        self._added_up = self.count
        count, width = batch["x"].shape[-2:]
        # Adding products up costs as much as multiplying some rows.
        together = max(TOGETHER, width // 2)
        for start in range(0, count, together):
            part = np.s_[..., start : start + together, :]
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


def _root(moment: np.ndarray) -> np.ndarray:
    """Return R with ``R R^T`` a moment, a triangle if rounding has left it positive."""
    diagonal = np.einsum("...ii->...i", moment)
    mean = np.maximum(diagonal.mean(axis=-1, keepdims=True), 0.0)
    diagonal += np.where(mean > 0, _ROUNDING * moment.shape[-1] * mean, 1e-300)
    try:
        return np.linalg.cholesky(moment)
    except np.linalg.LinAlgError:  # as of a covariance far smaller than the mean
        values, vectors = np.linalg.eigh(moment)
        root: np.ndarray = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
        return root
