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
    kernel, stride, pad, dilation = geometry
    grid = windows_over(array.shape, geometry)
    places = np.arange(prod(grid)) if places is None else np.asarray(places)
    sides = [(0, 0), (0, 0), *((size, size) for size in pad)]
    padded = np.pad(array, sides) if any(pad) else array
    starts = [at * step for at, step in zip(np.unravel_index(places, grid), stride)] if grid else []
    taps = []
    for tap in np.ndindex(*kernel):
        along = (start + i * step for start, i, step in zip(starts, tap, dilation))
        index = (slice(None), slice(None), *along)
        taken = padded[index]
        taps.append(taken if grid else taken[..., None])
    # (taps, N, C, places) to (N, places, C, taps)
    found = np.stack(taps).transpose(1, 3, 2, 0)
    return found.reshape(len(array), len(places), -1)
