"""Walk over a matrix that may be larger than one wants to copy."""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np

BLOCK_BYTES = 64 << 20
SMALL = 1 << 28


def as_matrix(matrix: np.ndarray) -> np.ndarray:
    """``matrix`` as it stands, once it is known to be two-dimensional, real and not empty.

    Raises:
        ValueError: It is not, with its shape or dtype.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"a factorisation needs a matrix, not an array of shape {matrix.shape}")
    if matrix.dtype.kind != "f":
        raise ValueError(f"a factorisation needs floating point values, not {matrix.dtype}")
    return matrix


def is_small(matrix: np.ndarray) -> bool:
    """Whether LAPACK's own SVD of ``matrix`` costs no more than about a quarter of a second."""
    return matrix.size * min(matrix.shape) <= SMALL


def column_blocks(matrix: np.ndarray, dtype: type) -> Iterator[Tuple[slice, np.ndarray]]:
    """``matrix`` in blocks of whole columns that BLAS can work on, and the columns of each.

    A matrix that BLAS can take as it is comes as one block, without a copy. Any other (a view at
    an odd address of a mapped file, another dtype) is copied, ``BLOCK_BYTES`` at a time.

    Args:
        matrix: Shape (m, n).
        dtype: What the blocks are to hold, ``np.float32`` or ``np.float64``.
    """
    flags = matrix.flags
    contiguous = flags.c_contiguous or flags.f_contiguous
    if matrix.dtype == dtype and flags.aligned and contiguous:
        yield slice(0, matrix.shape[1]), matrix
        return
    width = max(1, BLOCK_BYTES // (matrix.shape[0] * np.dtype(dtype).itemsize))
    for start in range(0, matrix.shape[1], width):
        columns = slice(start, min(start + width, matrix.shape[1]))
        yield columns, np.array(matrix[:, columns], dtype=dtype, order="K")


def require_finite(matrix: np.ndarray) -> None:
    """Raise ValueError where ``matrix`` holds NaN or Inf, and say how many and where the first is.

    Raises:
        ValueError: At least one value is not finite.
    """
    bad, first = 0, None
    for columns, block in column_blocks(matrix, np.float64):
        places = np.argwhere(~np.isfinite(block))
        bad += len(places)
        if len(places) and first is None:
            first = (int(places[0][0]), int(places[0][1]) + columns.start)
    if bad:
        raise ValueError(f"the matrix holds {bad} values that are NaN or Inf, the first at {first}")
