"""What is left of a linear map when its input first passes a narrower one, whatever follows."""

from __future__ import annotations

import numpy as np

_JITTER = 1e-9
"""Share of the mean square of what passes that keeps apart what is linearly dependent."""


def energy(matrix: np.ndarray, gram: np.ndarray) -> float:
    """Return the mean of ``||W x||^2``.

    Args:
        matrix: W, shape (n, d).
        gram: Mean of ``x x^T``, shape (d, d).
    """
    return float(np.einsum("nd,nd->", matrix @ gram, matrix))


def explained(matrix: np.ndarray, gram: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """Return how much of the energy of ``W x`` least squares get back from ``z = A x``.

    With only the first rows of A as well: a Cholesky factor serves all of them.

    Args:
        matrix: W, shape (n, d).
        gram: Mean of ``x x^T``, or the covariance of x, shape (d, d).
        passed: A, shape (r, d).

    Returns:
        Share of the energy with the first row, the first two, and so on; shape (r,).
    """
    from scipy.linalg import solve_triangular

    whole = energy(matrix, gram)
    if whole <= 0.0:
        return np.ones(len(passed))
    seen = passed @ gram
    square = seen @ passed.T
    square[np.diag_indices_from(square)] += (
        _JITTER * max(float(np.trace(square)), 1e-300) / len(square)
    )
    turned = solve_triangular(np.linalg.cholesky(square), seen @ matrix.T, lower=True)
    return np.minimum(np.cumsum(np.square(turned).sum(axis=1)) / whole, 1.0)


def principal(matrix: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return the share of the energy of ``W x`` in its first principal axes.

    Args:
        matrix: W, shape (n, d).
        gram: Mean of ``x x^T``, or the covariance of x, shape (d, d).

    Returns:
        In the first axis, the first two, and so on; shape (n,).
    """
    return axes_energy(matrix @ gram @ matrix.T)


def axes_energy(square: np.ndarray) -> np.ndarray:
    """Return the share of the trace in the first eigenvectors of a positive matrix, (n,)."""
    from scipy.linalg import eigvalsh

    values = np.maximum(eigvalsh((square + square.T) / 2)[::-1], 0.0)
    whole = float(values.sum())
    return np.minimum(np.cumsum(values) / whole, 1.0) if whole > 0 else np.ones(len(values))
