"""Singular values and vectors by way of the Gram matrix of a matrix's shorter side.

A layer of 4096 x 25088 weights has a Gram matrix of 4096 x 4096. It costs a fraction of an SVD,
has the same left singular vectors, and is built in one pass over the weights.
"""

from __future__ import annotations

import math
from typing import Optional, Sequence, Tuple

import numpy as np

from netsurgery.linalg.blocks import (
    TILE,
    as_matrix,
    column_blocks,
    large_blocks,
    parts,
    require_finite,
)
from netsurgery.linalg.threads import in_parallel

SAMPLE = 32


def gram(wide: np.ndarray, dtype: type) -> np.ndarray:
    """``wide @ wide.T``, of shape (m, m), computed and accumulated in ``dtype``.

    The lower triangle is filled, which is half the work and all that LAPACK reads; of the upper one
    nothing is said. The array is Fortran-contiguous, as LAPACK wants it.
    """
    if len(wide) > TILE:
        return _gram_in_tiles(wide, dtype)
    total: np.ndarray = np.zeros((len(wide), len(wide)), dtype, order="F")
    for _, block in column_blocks(wide, dtype):
        total += block @ block.T  # of a matrix and itself numpy, too, computes one triangle
    return total


def _gram_in_tiles(wide: np.ndarray, dtype: type) -> np.ndarray:
    """The same in tiles that threads take in turn, a block of columns after the other."""
    size = len(wide)
    total: np.ndarray = np.zeros((size, size), dtype, order="F")
    rows = parts(size, TILE)
    tiles = [(down, across) for down in rows for across in rows if across.start <= down.start]
    for block in large_blocks(wide, dtype):

        def add(tile: Tuple[slice, slice], block: np.ndarray = block) -> None:
            down, across = tile
            total[down, across] += (block[across] @ block[down].T).T  # in the order of the total

        in_parallel(add, tiles, 1.0 * size * block.size)
    return total


def square(matrix: np.ndarray) -> np.ndarray:
    """The square of a symmetric matrix, both triangles filled, for half the work of a product."""
    return mirrored(gram(matrix, matrix.dtype.type))


def mirrored(lower: np.ndarray) -> np.ndarray:
    """Fill the upper triangle of a symmetric matrix in place from the lower one; returns it."""
    for rows in parts(len(lower), TILE):
        lower[: rows.start, rows] = lower[rows, : rows.start].T
        own = lower[rows, rows]
        own[...] = np.tril(own) + np.tril(own, -1).T
    return lower


def gram_of(matrix: np.ndarray) -> np.ndarray:
    """``matrix @ matrix.T`` in float64, shape (d, d), both triangles filled and exactly alike.

    Args:
        matrix: Shape (d, n), one row for each channel; any floating dtype, also a view of a
            mapped file. Walked through in blocks.

    Raises:
        ValueError: It is not a matrix, or holds NaN or Inf.
    """
    matrix = as_matrix(matrix)
    require_finite(matrix)
    lower = np.tril(gram(matrix, np.float64))
    return lower + np.tril(lower, -1).T


def rounding(matrix: np.ndarray, wide: np.ndarray) -> float:
    """Estimate ``||matrix - wide wide^T||_F``, what rounding did to a Gram matrix.

    A sample of its entries is computed again in float64. The error of an entry scales with the
    norms of its two rows, and is larger on the diagonal, where nothing cancels; the mean relative
    error of either kind stands for all of that kind.

    Args:
        matrix: The Gram matrix, its lower triangle.
        wide: The matrix it was made of.
    """
    rows = np.unique(np.linspace(0, len(matrix) - 1, SAMPLE).astype(int))
    exact = wide[rows].astype(np.float64)
    exact = exact @ exact.T
    norms = np.sqrt(np.diagonal(exact))
    scale = np.outer(norms, norms)
    error = matrix[np.ix_(rows, rows)] - exact
    relative = np.divide(error, scale, out=np.zeros_like(error), where=scale > 0) ** 2
    pairs = np.tril_indices(len(rows), -1)
    beside = relative[pairs].mean() if len(rows) > 1 else 0.0
    squares = np.diagonal(matrix).astype(np.float64)
    own = float(squares @ squares)
    return float(np.sqrt(beside * (squares.sum() ** 2 - own) + np.diagonal(relative).mean() * own))


def eigenpairs(matrix: np.ndarray, count: int) -> Tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues of a symmetric matrix and their eigenvectors.

    Args:
        matrix: Its lower triangle, shape (m, m), m at least 2, Fortran-contiguous; is overwritten.
        count: How many, at most m.

    Returns:
        The ``count`` largest eigenvalues and, if count < m, the next; falling, float64. The
        vectors, shape (m, count).
    """
    values, vectors = _some_eigenpairs(matrix, count) or _all_eigenpairs(matrix)
    values = values[::-1][: count + 1].astype(np.float64)
    return values, np.asfortranarray(vectors[:, : -count - 1 : -1])


def _some_eigenpairs(matrix: np.ndarray, count: int) -> Optional[Tuple[np.ndarray, np.ndarray]]:
    """The largest ``count + 1`` pairs, rising, or None where it is better to compute all.

    LAPACK makes single vectors orthogonal one after the other, which costs m * count^2. Where
    eigenvalues are equal to the last digit, it may miss some.
    """
    from scipy.linalg import eigh

    size = len(matrix)
    if 4 * count > size:
        return None
    wanted = (size - count - 1, size - 1)
    found = eigh(matrix, lower=True, check_finite=False, driver="evr", subset_by_index=wanted)
    return found if len(found[0]) == found[1].shape[1] == count + 1 else None


def _all_eigenpairs(matrix: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    from scipy.linalg import eigh

    return eigh(matrix, lower=True, check_finite=False, driver="evd", overwrite_a=True)


def gram_work(shape: Sequence[int]) -> float:
    """Return how many multiplications the Gram matrix of a blob takes, of its shorter side.

    Args:
        shape: Of the blob, a matrix from its first axis on that is longer than one; Caffe's old
            layouts have axes of one in front.
    """
    numbers = math.prod(shape)
    rows = next((one for one in shape if one > 1), 1)
    return float(numbers) * min(rows, numbers // rows)
