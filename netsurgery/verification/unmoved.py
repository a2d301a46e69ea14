"""Channels that no input ever moved: that they agree in two nets says nothing of them."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from netsurgery.network import Network, Value
from netsurgery.verification.row_channel import NOISE_FLOOR

# What stands still is summed in another order in another batch, and then off by a few last bits.
_STILL = 8 * NOISE_FLOOR


class Unmoved(NamedTuple):
    """How many channels of a blob no input moved, in neither net.

    Attributes:
        channels: Number of entries along axis 1, one where there is none.
        unmoved: Number of those that are the same, at every place, for all rows of axis 0, up to
            the last bits of the channel's largest value; None where there was one row only.
    """

    channels: int
    unmoved: Optional[int]


class UnmovedTally:
    """Takes the blobs of two nets in, batch after batch.

    Keeps one row of what has not moved yet, which soon is little.
    """

    def __init__(self) -> None:
        self._first: tuple[np.ndarray, ...] = ()
        self._left = np.arange(0)
        self._channels = self._rows = 0
        self._comparable = True

    def add(self, a: np.ndarray, b: np.ndarray) -> None:
        """Take in the blobs of a batch, shape (rows, channels, ...)."""
        if not self._comparable or not (a.size and b.size):
            return
        wide = _by_channel(a), _by_channel(b)
        if not self._first:
            self._channels = wide[0].shape[1]
            self._left = np.arange(self._channels)
            self._first = tuple(rows[0].copy() for rows in wide)
        kept = self._channels, self._first[0].shape[1]
        self._comparable = all(rows.shape[1:] == kept for rows in wide)
        if not self._comparable:
            return
        self._rows += len(wide[0])
        # One row alone moves most of what moves at all, and the rest is not looked at again.
        for part in (slice(0, 1), slice(1, None)):
            self._look(tuple(rows[part] for rows in wide))

    def result(self) -> Optional[Unmoved]:
        """Return what was found, or None where nothing could be held against the first row."""
        if not self._comparable or not self._rows:
            return None
        return Unmoved(self._channels, len(self._left) if self._rows > 1 else None)

    def _look(self, nets: tuple[np.ndarray, ...]) -> None:
        if not self._left.size:
            return
        still = np.ones(len(self._left), bool)
        for rows, first in zip(nets, self._first):
            most = _STILL * np.abs(first).max(axis=1, keepdims=True)
            with np.errstate(invalid="ignore"):  # What is not finite, others tell.
                still &= (np.abs(rows[:, self._left] - first) <= most).all(axis=(0, 2))
        self._left = self._left[still]
        self._first = tuple(first[still] for first in self._first)


def _by_channel(blob: np.ndarray) -> np.ndarray:
    """A blob of any number of axes as (rows, channels, places)."""
    rows = np.atleast_1d(blob)
    return rows.reshape(len(rows), rows.shape[1] if rows.ndim > 1 else 1, -1)


def fed_values(network: Network) -> frozenset[Value]:
    """Return the values of a network that depend on what its inputs hold."""
    fed = set(network.inputs)
    for layer in network.layers:
        if not layer.layer_type.fixed_by_shapes and fed.intersection(layer.bottoms):
            fed.update(layer.tops)
    return frozenset(fed)
