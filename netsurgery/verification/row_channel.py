"""Differences sample by sample and channel by channel, where a large one hides a small one."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

# The distance of 1 from the next float32: what is measured below that is luck.
NOISE_FLOOR = 2.0**-23
# The share of a typical channel's noise that every channel is granted.
_LUCK = 1 / 32


class RowChannelDifference(NamedTuple):
    """How far the rows and the channels of a blob are apart.

    Attributes:
        row: The largest ``||a - b|| / ||a||`` of a row, which is what one sample makes.
        parts: Of each channel the mean square of ``a - b``, every row divided by its own norm.
        wholes: The same of ``a``.
        rows: How many rows there are.
    """

    row: float
    parts: np.ndarray
    wholes: np.ndarray
    rows: int


class RowChannelTally:
    """Takes the blobs of two nets in, batch after batch."""

    def __init__(self) -> None:
        self._row = 0.0
        self._parts: Optional[np.ndarray] = None
        self._wholes: Optional[np.ndarray] = None
        self._rows = 0

    def add(self, a: np.ndarray, b: np.ndarray) -> None:
        """Take in the blobs of a batch, shape (rows, channels, ...); those of other forms are not.

        Rows of zeros say nothing of relative errors, and values that are not finite are left out.
        """
        if a.shape != b.shape or a.ndim < 2 or not a.size:
            return
        wide = [array.reshape(*array.shape[:2], -1).astype(np.float64) for array in (a, b)]
        lost = ~(np.isfinite(wide[0]) & np.isfinite(wide[1]))
        for array in wide:
            array[lost] = 0
        whole = np.einsum("rcx,rcx->rc", wide[0], wide[0])
        difference = wide[0] - wide[1]
        part = np.einsum("rcx,rcx->rc", difference, difference)
        norms = whole.sum(axis=1)
        seen = norms > 0
        if not seen.any():
            return
        part, whole, norms = part[seen], whole[seen], norms[seen]
        self._row = max(self._row, float(np.sqrt(part.sum(axis=1) / norms).max()))
        parts, wholes = ((each / norms[:, None]).sum(axis=0) for each in (part, whole))
        if self._parts is None or self._wholes is None or len(parts) != len(self._parts):
            self._parts, self._wholes = np.zeros(len(parts)), np.zeros(len(parts))
        self._parts += parts
        self._wholes += wholes
        self._rows += len(norms)

    def result(self) -> Optional[RowChannelDifference]:
        """Return what was found, or None where there was nothing to find."""
        if self._parts is None or self._wholes is None:
            return None
        return RowChannelDifference(
            self._row, self._parts / self._rows, self._wholes / self._rows, self._rows
        )


def louder(
    a: Optional[RowChannelDifference], b: Optional[RowChannelDifference]
) -> Optional[RowChannelDifference]:
    """Return the larger of two measurements of a noise, in rows and channel by channel."""
    if a is None or b is None or len(a.parts) != len(b.parts):
        return a or b
    parts = np.maximum(a.parts, b.parts)
    return RowChannelDifference(
        max(a.row, b.row), parts, np.maximum(a.wholes, b.wholes), max(a.rows, b.rows)
    )


def channel_ratio(
    found: RowChannelDifference, noise: Optional[RowChannelDifference], floor: float
) -> float:
    """Return how many times its float noise the channel differs that differs most.

    Args:
        found: The difference of two nets.
        noise: How far the first is from itself.
        floor: The least relative error that counts as noise.
    """
    relative = np.full(len(found.parts), floor**2)
    least = 0.0
    if noise is not None and len(noise.parts) == len(found.parts):
        known = noise.wholes > 0
        shares = np.divide(noise.parts, noise.wholes, out=np.zeros_like(noise.parts), where=known)
        typical = float(np.median(shares[known])) if known.any() else 0.0
        relative = np.maximum(relative, np.maximum(shares, typical))
        # The noise of a channel that a ReLU leaves few values of may be small by luck; that of
        # most channels is not, and a few large ones do not raise it.
        heard = noise.parts[noise.parts > 0]
        least = _LUCK**2 * float(np.median(heard)) if heard.size else 0.0
    allowed = np.maximum(relative * found.wholes, least)
    # What is zero in all rows of the first net has no size to measure by: the pooled error does.
    known = found.wholes > 0
    if not known.any():
        return 0.0
    return float(np.sqrt((found.parts[known] / allowed[known]).max()))
