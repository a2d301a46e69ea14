"""What a convolution multiplies its weights with: windows of its padded input, as rows."""

from __future__ import annotations

from math import prod
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np


class Geometry(NamedTuple):
    """How windows lie over height and width, or however many axes there are.

    Attributes:
        kernel: Taps of a window.
        stride: From one window to the next.
        pad: Zeros on either side.
        dilation: From one tap to the next.
    """

    kernel: Sequence[int]
    stride: Sequence[int] = (1, 1)
    pad: Sequence[int] = (0, 0)
    dilation: Sequence[int] = (1, 1)


def windows_over(shape: Sequence[int], geometry: Geometry) -> Tuple[int, ...]:
    """How many windows fit along each axis behind the channels of an array (N, C, ...)."""
    rows = zip(shape[2:], *geometry)
    return tuple((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in rows)


def extract_patches(
    array: np.ndarray, geometry: Geometry, places: Optional[np.ndarray] = None
) -> np.ndarray:
    """Cut windows out of an array padded with zeros (im2col).

    Args:
        array: Shape (N, C, H, W), or with other axes behind the channels.
        geometry: How the windows lie.
        places: Numbers of the windows wanted, counted along rows; all if None.

    Returns:
        Shape (N, places, C * taps), with the dtype of ``array``. A row lies as the weights of a
        filter do.
    """
    flat = _taps(array.shape, geometry, places)
    rows = gather_patches(array.reshape(*array.shape[:2], -1), flat)
    return rows.reshape(len(array), len(flat), -1)


def gather_index(
    shape: Sequence[int], geometry: Geometry, places: Optional[np.ndarray] = None
) -> Tuple[np.ndarray, np.ndarray]:
    """Say of what windows are made: windows overlap, so that there is less of it than they hold.

    Args:
        shape: Of the array, (N, C, H, W), or with other axes behind the channels.
        geometry: How the windows lie.
        places: Numbers of the windows wanted, counted along rows; all if None.

    Returns:
        The positions in a channel that some window covers, counted along rows, int32 and rising;
        and for `gather_patches` which of them each tap of each window is, shape (places, taps).
    """
    flat = _taps(shape, geometry, places)
    positions, index = np.unique(flat, return_inverse=True)
    padding = int(positions[0] == _PADDING)
    return positions[padding:].astype(np.int32), index.reshape(flat.shape) - padding


def gather_patches(array: np.ndarray, index: np.ndarray, groups: int = 1) -> np.ndarray:
    """Put windows together.

    Args:
        array: Shape (N, C, positions).
        index: Which of the positions each tap of each window is, shape (places, taps); -1 where it
            lies in the padding, which is zero.
        groups: Into how many the channels are divided.

    Returns:
        Shape (groups, N * places, C / groups * taps): the windows of one sample after another.
    """
    taken = np.zeros((*array.shape[:2], *index.shape), array.dtype)
    if array.shape[2]:
        np.take(array, index, axis=2, out=taken, mode="wrap")  # -1 is the last
        taken[:, :, index == _PADDING] = 0
    # (N, groups, C / groups, places, taps) to (groups, N, places, C / groups, taps)
    parts = taken.reshape(len(array), groups, -1, *index.shape).transpose(1, 0, 3, 2, 4)
    return parts.reshape(groups, len(array) * len(index), -1)


_PADDING = -1


def _taps(shape: Sequence[int], geometry: Geometry, places: Optional[np.ndarray]) -> np.ndarray:
    """Return where in a flat channel each tap of each window lies, shape (places, taps)."""
    grid = windows_over(shape, geometry)
    places = np.arange(prod(grid)) if places is None else np.asarray(places)
    flat = np.zeros((len(places), 1), np.intp)
    if not grid:
        return flat
    inside = np.ones((len(places), 1), bool)
    for starts, size, kernel, stride, pad, dilation in zip(
        np.unravel_index(places, grid), shape[2:], *geometry
    ):
        at = (starts * stride - pad)[:, None] + np.arange(kernel) * dilation
        flat = (flat[:, :, None] * size + at[:, None, :]).reshape(len(places), -1)
        fits = (at >= 0) & (at < size)
        inside = (inside[:, :, None] & fits[:, None, :]).reshape(len(places), -1)
    return np.where(inside, flat, _PADDING)
