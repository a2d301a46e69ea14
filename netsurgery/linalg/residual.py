"""How far a low-rank product is from the matrix it stands for."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from netsurgery.linalg.blocks import (
    COPYING,
    TILE,
    as_matrix,
    column_blocks,
    is_small,
    let_go,
    parts,
)
from netsurgery.linalg.factored import NUMBERS, Factored
from netsurgery.linalg.gram import gram
from netsurgery.linalg.threads import in_parallel

ROUNDED = 1e-6
"""Share of a matrix's square below which float32 products do not tell what is apart."""

FITTED = 1e-4
PROBES, UNLUCKY = 16, 4.0
"""Random vectors, and how much less than the mean they may show: once in some 1e7 times."""

Factors = Tuple[np.ndarray, np.ndarray]


def relative_residual(matrix: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """``||matrix - left @ right||_F / ||matrix||_F``, a block at a time, several at once.

    Of large float32 matrices all but the last sums are float32, unless so little is apart that its
    rounding counts: then, and else, all is float64.

    Args:
        matrix: Shape (m, n), any floating dtype, aligned or not.
        left: Shape (m, rank).
        right: Shape (rank, n).

    Returns:
        The relative error; 0.0 where the matrix and the product are both zero, infinity where
        only the matrix is.

    Raises:
        ValueError: The shapes do not fit.
    """
    matrix = as_matrix(matrix)
    if (left.shape[0], right.shape[1]) != matrix.shape or left.shape[1] != right.shape[0]:
        raise ValueError(f"{left.shape} @ {right.shape} does not give {matrix.shape}")
    if matrix.shape[0] > matrix.shape[1]:
        matrix, left, right = matrix.T, right.T, left.T
    single = all(array.dtype == np.float32 for array in (matrix, left, right))
    if single and not is_small(matrix):
        with np.errstate(over="ignore", invalid="ignore"):
            apart, whole = _apart(matrix, left, right, np.float32)
        if ROUNDED * whole < apart < np.inf:
            return float(np.sqrt(apart / whole))
    apart, whole = _apart(matrix, left, right, np.float64)
    if whole == 0:
        return 0.0 if apart == 0 else float("inf")
    return float(np.sqrt(apart / whole))


def _apart(
    matrix: np.ndarray, left: np.ndarray, right: np.ndarray, dtype: type
) -> Tuple[float, float]:
    """``||matrix - left @ right||_F^2`` and ``||matrix||_F^2`` from products in a dtype."""
    left = np.ascontiguousarray(left, dtype)

    def measure(columns: slice) -> Tuple[float, float]:
        block: np.ndarray = np.array(matrix[:, columns], dtype, order="K")
        let_go(matrix)
        whole = _squared_norm(block)
        block -= left @ right[:, columns].astype(dtype)
        return _squared_norm(block), whole

    work = 2.0 * matrix.size * left.shape[1]
    found = in_parallel(measure, parts(matrix.shape[1], 2 * TILE), work)
    apart, whole = np.sum(found, axis=0)
    return float(apart), float(whole)


def distance_of_fitted(matrix: np.ndarray, factors: Factored) -> Optional[float]:
    """``||matrix - left @ right||_F / ||matrix||_F`` of a fitted pair, not multiplied out.

    Where ``right`` is what is best for ``left``, the residual is orthogonal to ``left``: by
    Pythagoras its square is ``||matrix||^2 - ||left @ right||^2``. Whether it is, random vectors
    tell, seeded, that are multiplied with the residual and then with ``left`` (Freivalds 1977).

    Args:
        matrix: Shape (m, n), any floating dtype, aligned or not; read once, in blocks.
        factors: Of that shape.

    Returns:
        The distance, right to a share of `FITTED`; None where the pair is not known to be fitted
        so well.
    """
    left, right = factors.left, factors.right
    probes = np.random.default_rng(0).standard_normal((matrix.shape[1], PROBES), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        images, whole = _multiplied(matrix, probes)
        kept = _squared_norm_of_product(left, right)
        lengths = np.sqrt(np.einsum("ij,ij->j", left, left, dtype=np.float64))[:, None]
        apart = left.T @ (images - left @ (right @ probes)) / np.where(lengths > 0, lengths, 1.0)
        # The norms of both have the ratio of the root of chi squared and of its degrees.
        seen = UNLUCKY * np.linalg.norm(apart) / np.sqrt(PROBES)
        rows = np.einsum("ij,ij->i", right, right, dtype=np.float64)
        unsure = 2 * seen * np.sqrt(rows @ lengths[:, 0] ** 2) + ROUNDED * kept
    lost = whole - kept
    if not 0 < lost < np.inf or unsure > 2 * FITTED * lost:
        return None
    return float(np.sqrt(lost / whole))


def _multiplied(matrix: np.ndarray, vectors: np.ndarray) -> Tuple[np.ndarray, float]:
    """``matrix @ vectors``, and ``||matrix||_F^2``."""

    def multiply(rows: slice) -> Tuple[np.ndarray, float]:
        block = np.array(matrix[rows], np.float32, order="C")
        let_go(matrix)
        return block @ vectors, _squared_norm(block)

    step = parts(len(matrix), max(1, NUMBERS // matrix.shape[1]))
    images, norms = zip(*in_parallel(multiply, step, COPYING * matrix.size))
    return np.concatenate(images), float(sum(norms))


def _squared_norm_of_product(left: np.ndarray, right: np.ndarray) -> float:
    lower = gram(left.T, np.float32) * gram(right, np.float32)
    return float(2 * np.tril(lower, -1).sum(dtype=np.float64) + np.trace(lower, dtype=np.float64))


def spectral_norm(
    matrix: np.ndarray,
    minus: Optional[Factors] = None,
    *,
    iterations: int = 200,
    tolerance: float = 1e-6,
) -> float:
    """Largest singular value of ``matrix``, or of ``matrix - left @ right``.

    For a layer whose weights change from ``matrix`` to ``left @ right`` it bounds the change of
    the outputs: ``||dy|| <= spectral_norm * ||x||`` for every input x.

    Power iteration on ``M^T M`` from a seeded start. It approaches the value from below.

    Args:
        matrix: Shape (m, n).
        minus: ``(left, right)`` of shapes (m, rank) and (rank, n).
        iterations: How many steps at most.
        tolerance: Stop when a step changes the estimate by less than this, relatively.
    """
    matrix = as_matrix(matrix)
    vector = np.random.default_rng(0).standard_normal((matrix.shape[1],))
    estimate = 0.0
    for _ in range(iterations):
        image = _apply(matrix, minus, vector / np.linalg.norm(vector))
        previous, estimate = estimate, float(np.linalg.norm(image))
        if estimate - previous <= tolerance * estimate:
            break
        vector = _apply(matrix.T, minus and (minus[1].T, minus[0].T), image)
    return estimate


def _apply(matrix: np.ndarray, minus: Optional[Factors], vector: np.ndarray) -> np.ndarray:
    result = np.zeros(matrix.shape[0])
    for columns, block in column_blocks(matrix, matrix.dtype.type):
        result += block @ vector[columns].astype(block.dtype)
    if minus is not None:
        left, right = minus
        result -= left @ (right @ vector.astype(right.dtype))
    return result


def _squared_norm(block: np.ndarray) -> float:
    return float(np.einsum("ij,ij->j", block, block).sum(dtype=np.float64))


def relative_distance(before: np.ndarray, after: np.ndarray) -> float:
    """``||before - after|| / ||before||`` of arrays of as many values; 0 for zeros."""
    scale = np.linalg.norm(before)
    return float(np.linalg.norm(before - after.reshape(before.shape)) / scale) if scale else 0.0
