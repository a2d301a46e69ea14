"""Scores of the rows of a matrix, each row by itself: the higher, the sooner to be kept."""

from __future__ import annotations

from typing import Sequence, Union

import numpy as np

from netsurgery.linalg.blocks import as_matrix, column_blocks, require_finite
from netsurgery.linalg.gram import gram_of


def row_norms(matrix: np.ndarray, order: int = 1) -> np.ndarray:
    """The norm of each row, float64, shape (d,).

    Args:
        matrix: Shape (d, n), any floating dtype, also a view of a mapped file.
        order: 1 for the sum of magnitudes (Li et al. 2017), 2 for the Euclidean length.

    Raises:
        ValueError: The order is another, or ``matrix`` is no matrix or holds NaN or Inf.
    """
    if order not in (1, 2):
        raise ValueError(f"norms are of order 1 or 2, not {order}")
    matrix = as_matrix(matrix)
    require_finite(matrix)
    sums = np.zeros(len(matrix))
    for _, block in column_blocks(matrix, np.float64):
        sums += np.abs(block).sum(axis=1) if order == 1 else np.einsum("ij,ij->i", block, block)
    return sums if order == 1 else np.sqrt(sums)


def geometric_median_distance(matrix: np.ndarray) -> np.ndarray:
    """The sum of the distances of each row to all rows, float64, shape (d,).

    The rows with the smallest are nearest the geometric median, and the others can best replace
    them (FPGM, He et al. 2019).

    Args:
        matrix: Shape (d, n), any floating dtype.

    Raises:
        ValueError: It is no matrix, or holds NaN or Inf.
    """
    gram = gram_of(matrix)
    squares = np.diagonal(gram)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * gram, 0.0))
    return distances.sum(axis=1)


def random_ranking(size: int, seed: Union[int, Sequence[int]]) -> np.ndarray:
    """The numbers from 0 to ``size - 1`` in an order that depends on the seed alone, float64."""
    return np.random.default_rng(seed).permutation(size).astype(np.float64)
