"""Singular values and vectors by way of the Gram matrix of a matrix's shorter side.

A layer of 4096 x 25088 weights has a Gram matrix of 4096 x 4096. It costs a fraction of an SVD,
has the same left singular vectors, and is built in one pass over the weights.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from netsurgery.linalg.blocks import column_blocks

SAMPLE = 32


def gram(wide: np.ndarray, dtype: type) -> np.ndarray:
    """``wide @ wide.T``, of shape (m, m), computed and accumulated in ``dtype``.

    Only the lower triangle is filled, which is half the work and all that LAPACK reads. The array
    is Fortran-contiguous, as LAPACK wants it.
    """
    from scipy.linalg import get_blas_funcs

    total: np.ndarray = np.zeros((len(wide), len(wide)), dtype, order="F")
    syrk = get_blas_funcs("syrk", (total,))
    for _, block in column_blocks(wide, dtype):
        turned = block.flags.c_contiguous
        factor = block.T if turned else block
        total = syrk(1.0, factor, 1.0, total, trans=turned, lower=1, overwrite_c=1)
    return total


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
    """All eigenvalues of a symmetric matrix, and the eigenvectors of the ``count`` largest.

    Reduction to a tridiagonal matrix, divide and conquer (Cuppen 1981), and the transformation
    back for the wanted vectors alone. LAPACK's own drivers either transform all vectors back, or
    orthogonalise the wanted ones one after the other; both take about half as long again.

    Args:
        matrix: Its lower triangle, shape (m, m), m at least 2, Fortran-contiguous; is overwritten.
        count: How many eigenvectors.

    Returns:
        The eigenvalues, falling, float64, shape (m,), and the vectors, shape (m, count).

    Raises:
        ValueError: LAPACK gave up.
    """
    from scipy.linalg import get_lapack_funcs

    reduce, workspace, conquer, transform = get_lapack_funcs(
        ("sytrd", "sytrd_lwork", "stevd", "ormqr"), (matrix,)
    )
    size = int(workspace(len(matrix), lower=1)[0])
    reflectors, diagonal, beside, tau, info = reduce(matrix, 1, size, overwrite_a=1)
    values, vectors, failed = conquer(diagonal, beside)
    if info or failed:
        raise ValueError(f"LAPACK found no eigenvectors (sytrd {info}, stevd {failed})")
    largest = np.asfortranarray(vectors[:, : -count - 1 : -1])
    del vectors
    # The reflectors of a lower tridiagonal reduction are those of a QR of all rows but the first.
    inner = np.asfortranarray(reflectors[1:, :-1])
    size = int(transform("L", "N", inner, tau, largest[1:], -1)[1][0])
    largest[1:] = transform("L", "N", inner, tau, largest[1:], size)[0]
    return values[::-1].astype(np.float64), largest
