"""Leading eigenvectors of symmetric matrices, with signs that are always the same."""

from __future__ import annotations

import numpy as np

from netsurgery.linalg.gram import eigenpairs


def leading_axes(matrix: np.ndarray, count: int) -> np.ndarray:
    """Return the eigenvectors of the largest eigenvalues of a symmetric matrix.

    Args:
        matrix: Shape (m, m), both triangles or the lower; is not changed.
        count: How many, from 1 to m.

    Returns:
        Shape (m, count), orthonormal columns, float64. The largest entry by magnitude of each is
        positive.
    """
    if len(matrix) == 1:
        return np.ones((1, 1))
    _, vectors = eigenpairs(np.array(matrix, np.float64, order="F"), count)
    return vectors * column_signs(vectors)


def column_signs(columns: np.ndarray) -> np.ndarray:
    """Return -1 for each column whose largest entry by magnitude is negative, else 1."""
    largest = np.abs(columns).argmax(axis=0)
    entries = columns[largest, np.arange(columns.shape[1])]
    return np.where(entries < 0, -1, 1).astype(columns.dtype)
