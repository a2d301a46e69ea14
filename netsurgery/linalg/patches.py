"""What a convolution multiplies its weights with: windows of its padded input, as rows."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np


class Geometry(NamedTuple):
    """How windows lie over height and width.

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


def windows_over(shape: Sequence[int], geometry: Geometry) -> Tuple[int, int]:
    """How many windows fit along height and width of an array of shape (N, C, H, W)."""
    rows = zip(shape[2:], *geometry)
    high, wide = ((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in rows)
    return high, wide


def patches(
    array: np.ndarray, geometry: Geometry, places: Optional[np.ndarray] = None
) -> np.ndarray:
    """Cut windows out of an array padded with zeros (im2col).

    Args:
        array: Shape (N, C, H, W).
        geometry: How the windows lie.
        places: Numbers of the windows wanted, counted along rows; all if None.

    Returns:
        Shape (N, places, C * kernel height * kernel width), with the dtype of ``array``. A row lies
        as the weights of a filter do.
    """
    kernel, stride, pad, dilation = geometry
    high, wide = windows_over(array.shape, geometry)
    places = np.arange(high * wide) if places is None else np.asarray(places)
    padded = np.pad(array, ((0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2)) if any(pad) else array
    tops, lefts = places // wide * stride[0], places % wide * stride[1]
    taps = [
        padded[:, :, tops + i * dilation[0], lefts + j * dilation[1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]
    # (taps, N, C, places) to (N, places, C, taps)
    found = np.stack(taps).transpose(1, 3, 2, 0)
    return found.reshape(len(array), len(places), -1)
