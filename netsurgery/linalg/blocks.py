"""Walk over a matrix that may be larger than one wants to copy."""

from __future__ import annotations

import mmap
from typing import Iterator, List, Tuple

import numpy as np

from netsurgery.linalg.threads import in_parallel

Tile = Tuple[slice, slice]

BLOCK_BYTES = 64 << 20
SMALL = 1 << 28
LARGE = 8 << 20
"""Bytes of a file that are worth a call to the system to take them out of memory."""
COPYING = 20.0
"""Floating point operations that take as long as copying one number from a file."""
TILE = 512
"""Rows and columns of a piece of a large product: enough for BLAS to be at its best."""


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
    if is_usable(matrix, dtype):
        yield slice(0, matrix.shape[1]), matrix
        return
    width = max(1, BLOCK_BYTES // (matrix.shape[0] * np.dtype(dtype).itemsize))
    for start in range(0, matrix.shape[1], width):
        columns = slice(start, min(start + width, matrix.shape[1]))
        yield columns, np.array(matrix[:, columns], dtype=dtype, order="K")


def large_blocks(matrix: np.ndarray, dtype: type) -> Iterator[np.ndarray]:
    """As `column_blocks`, one after another in the same memory, copied by several threads."""
    if is_usable(matrix, dtype):
        yield matrix
        return
    rows, columns = matrix.shape
    width = max(1, min(columns, BLOCK_BYTES // (rows * np.dtype(dtype).itemsize)))
    turned = matrix.strides[0] < matrix.strides[1]
    buffer: np.ndarray = np.empty((width, rows) if turned else (rows, width), dtype)
    buffer = buffer.T if turned else buffer
    for start in range(0, columns, width):
        stop = min(start + width, columns)
        block = buffer[:, : stop - start]

        def copy(part: slice, block: np.ndarray = block, start: int = start) -> None:
            block[part] = matrix[part, start : start + block.shape[1]]

        in_parallel(copy, parts(rows, TILE), COPYING * block.size)
        let_go(matrix)
        yield block


def let_go(matrix: np.ndarray) -> None:
    """Take what a large array of a mapped file filled out of memory: it can be read again.

    What is mapped counts as memory of this process as soon as it was looked at.
    """
    if matrix.nbytes < LARGE:
        return
    base: object = matrix
    while isinstance(base, (np.ndarray, memoryview)):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    if not isinstance(base, mmap.mmap) or not hasattr(base, "madvise"):
        return
    extent = sum((size - 1) * step for size, step in zip(matrix.shape, matrix.strides))
    start = matrix.ctypes.data - np.frombuffer(base, np.uint8).ctypes.data
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE  # a page that others share stays
    length = start + extent + matrix.itemsize - first
    if length > 0:
        base.madvise(mmap.MADV_DONTNEED, first, length)


def is_usable(matrix: np.ndarray, dtype: type) -> bool:
    """Whether BLAS takes a matrix as it is."""
    flags = matrix.flags
    return matrix.dtype == dtype and flags.aligned and (flags.c_contiguous or flags.f_contiguous)


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left @ right`` of one dtype, in tiles that threads take in turn where it is large.

    Args:
        left: Shape (m, k).
        right: Shape (k, n).
    """
    out = np.empty((len(left), right.shape[1]), left.dtype)

    def fill(tile: Tile) -> None:
        np.matmul(left[tile[0]], right[:, tile[1]], out=out[tile])

    in_parallel(fill, tiles(out.shape), 2.0 * out.size * len(right))
    return out


def rounded_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """``left @ right`` in float32, of factors in float64, which all of it never is at once.

    Args:
        left: Shape (m, k).
        right: Shape (k, n).
    """
    out = np.empty((len(left), right.shape[1]), np.float32)

    def fill(tile: Tile) -> None:
        out[tile] = left[tile[0]] @ right[:, tile[1]]

    in_parallel(fill, tiles(out.shape), 2.0 * out.size * len(right))
    return out


def subtract_product(matrix: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """``matrix -= left @ right``, in tiles as `product`."""

    def fill(tile: Tile) -> None:
        matrix[tile] -= left[tile[0]] @ right[:, tile[1]]

    in_parallel(fill, tiles(matrix.shape), 2.0 * matrix.size * len(right))


def tiles(shape: Tuple[int, ...]) -> List[Tile]:
    """The tiles that a matrix of a shape is made of."""
    return [(down, across) for down in parts(shape[0], TILE) for across in parts(shape[1], TILE)]


def project(matrix: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """``basis.T @ matrix``, in the dtype of the basis, blocks of columns taken in turn by threads.

    Args:
        matrix: Shape (m, n), any floating dtype, aligned or not.
        basis: Shape (m, rank).
    """
    out = np.empty((basis.shape[1], matrix.shape[1]), basis.dtype)
    turned = np.ascontiguousarray(basis.T)

    def fill(columns: slice) -> None:
        block = matrix[:, columns]
        if not is_usable(matrix, basis.dtype.type):
            block = np.array(block, basis.dtype, order="K")
            let_go(matrix)
        np.matmul(turned, block, out=out[:, columns])

    in_parallel(fill, parts(matrix.shape[1], 2 * TILE), 2.0 * out.size * len(matrix))
    return out


def parts(size: int, most: int) -> List[slice]:
    """Slices of about one length, at most ``most``, that make up an axis."""
    count = -(-size // most)
    bounds = [size * number // count for number in range(count + 1)]
    return [slice(start, stop) for start, stop in zip(bounds, bounds[1:])]


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
