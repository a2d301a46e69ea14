"""Singular values of a matrix, and the ranks they suggest."""

from __future__ import annotations

import numpy as np

from netsurgery.linalg.blocks import as_matrix, is_small, require_finite
from netsurgery.linalg.gram import gram

CHEAP = 1 << 23
"""Numbers of a matrix times its shorter side: up to here LAPACK's SVD takes 3 ms at most."""

NOISE = float(np.finfo(np.float32).eps)
"""Singular values below this share of the largest are taken for zero: float32 weights are not
known well enough to tell, and the Gram matrix in float64 blurs them from 3e-8 on."""


def singular_values(matrix: np.ndarray) -> np.ndarray:
    """All singular values of ``matrix``, falling, float64, shape (min(m, n),).

    Those of a small matrix come from LAPACK's SVD. Those of a larger one are the roots of the
    eigenvalues of its Gram matrix in float64, which takes a quarter of the time, and below about
    1e-8 of the largest they are noise.

    Args:
        matrix: Shape (m, n), any floating dtype, also a view of a mapped file.

    Raises:
        ValueError: It is not a matrix, or holds NaN or Inf.
    """
    matrix = as_matrix(matrix)
    require_finite(matrix)
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    if matrix.size * len(wide) <= CHEAP:
        return np.linalg.svd(wide.T.astype(np.float64), compute_uv=False)
    squares = gram(wide, np.float64)
    return np.sqrt(np.maximum(_eigenvalues(squares, is_small(matrix))[::-1], 0.0))


def kept_energy(singular_values: np.ndarray, rank: int) -> float:
    """Share of the sum of squared singular values that the first ``rank`` of them hold.

    Args:
        singular_values: Falling.
        rank: From 0 to their number; 0 keeps nothing.
    """
    if not 0 <= rank <= len(singular_values):
        raise ValueError(f"rank {rank} is not between 0 and {len(singular_values)}")
    return float(1.0 - lost_energy(singular_values)[rank])


def rank_for_energy(singular_values: np.ndarray, energy: float) -> int:
    """Smallest rank, at least 1, that keeps this share of the sum of squared singular values.

    A share of 1.0 gives the numerical rank: singular values below `NOISE` times the largest do
    not count.

    Raises:
        ValueError: ``energy`` is not above 0 and at most 1.
    """
    if not 0 < energy <= 1:
        raise ValueError(f"energy {energy} is not above 0 and at most 1")
    return _smallest_rank(singular_values, 1.0 - energy)


def rank_for_error(singular_values: np.ndarray, relative_error: float) -> int:
    """Smallest rank, at least 1, at which ``||W - W_k||_F <= relative_error * ||W||_F``.

    An error of 0 gives the numerical rank, as in `rank_for_energy`.

    Raises:
        ValueError: ``relative_error`` is negative or not below 1.
    """
    if not 0 <= relative_error < 1:
        raise ValueError(f"a relative error of {relative_error} is not from 0 to below 1")
    return _smallest_rank(singular_values, relative_error**2)


def breakeven_rank(m: int, n: int) -> int:
    """Largest rank whose factors (m x rank and rank x n) are smaller than the m x n matrix.

    0 where no rank saves anything.
    """
    return (m * n - 1) // (m + n)


def lost_energy(singular_values: np.ndarray) -> np.ndarray:
    """Share of the energy lost at rank 0, 1 and so on, summed from the small end."""
    values = np.asarray(singular_values, np.float64)
    values = values / values[0] if values[0] > 0 else values
    squares = np.where(values > NOISE, values, 0.0) ** 2
    tails = np.append(np.cumsum(squares[::-1])[::-1], 0.0)
    return tails / tails[0] if tails[0] > 0 else tails


def _eigenvalues(squares: np.ndarray, small: bool) -> np.ndarray:
    """The eigenvalues of a symmetric matrix, rising, of its lower triangle; may overwrite it."""
    if small:  # a copy of it is little, and scipy takes longer to import
        return np.linalg.eigvalsh(squares)
    from scipy.linalg import eigvalsh

    return eigvalsh(squares, lower=True, overwrite_a=True, check_finite=False)


def _smallest_rank(singular_values: np.ndarray, lost: float) -> int:
    enough = lost_energy(singular_values) <= lost
    return max(1, int(np.argmax(enough)))
