"""Truncated singular value decomposition of a weight matrix.

The best approximation of a given rank in the Frobenius and the spectral norm (Eckart and Young
1936). Small matrices go through LAPACK's SVD in float64. Larger ones go through the Gram matrix
of their shorter side: the eigenvectors Q of its largest eigenvalues span the left singular vectors,
and ``Q (Q^T W)`` is the best approximation that any matrix with that span can give, whatever
rounding did to the single vectors. Those of large ones come from an iteration, which goes on until
they are near enough (`netsurgery.linalg.subspace`). float32 is tried first and kept when the result
is close enough to the optimum, by what rounding and the iteration may have missed; else float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.linalg.axes import column_signs
from netsurgery.linalg.blocks import as_matrix, is_small, project, require_finite
from netsurgery.linalg.gram import eigenpairs, gram, mirrored, rounding
from netsurgery.linalg.residual import relative_residual, spectral_norm
from netsurgery.linalg.spectrum import (
    breakeven_rank,
    kept_energy,
    rank_for_energy,
    rank_for_error,
    singular_values,
)
from netsurgery.linalg.subspace import LeadingPairs, leading_pairs

__all__ = [
    "SPLITS",
    "LowRankFactors",
    "balanced",
    "breakeven_rank",
    "kept_energy",
    "rank_for_energy",
    "rank_for_error",
    "relative_residual",
    "singular_values",
    "spectral_norm",
    "truncated_svd",
]

SPLITS = ("first", "sqrt")
SUBOPTIMALITY = 1.0005
TOLERANCE = 1e-4
"""Share of the optimum's square that vectors may miss which are found by iteration."""
NEARLY_FULL = 0.8
SINGLE = np.finfo(np.float32)


@dataclass(frozen=True, eq=False)
class LowRankFactors:
    """A matrix W (m x n) as the product of two thin ones.

    Attributes:
        left: Shape (m, rank), float32, C-contiguous.
        right: Shape (rank, n), float32, C-contiguous.
        singular_values: The largest ``rank`` singular values of W, falling, float64.
        next_singular_value: The first one left out, 0.0 at full rank: the spectral norm of what
            is lost, and so ``||dy|| <= next_singular_value * ||x||`` for every input x.
        squared_norm: ``||W||_F^2``.
        error: ``||W - left @ right||_F / ||W||_F``.
        optimum: The smallest error any matrix of this rank can have, to the precision of the
            singular values.
    """

    left: np.ndarray
    right: np.ndarray
    singular_values: np.ndarray
    next_singular_value: float
    squared_norm: float
    error: float
    optimum: float


def truncated_svd(matrix: np.ndarray, rank: int, split: str = "first") -> LowRankFactors:
    """Factor ``matrix`` into two of the given rank, as close to it as that rank allows.

    The signs are fixed: the largest entry by magnitude of each column of ``left`` is positive.

    Args:
        matrix: W, shape (m, n), any floating dtype, also a read-only view of a mapped file at
            any address. It is not copied when it is large, but walked through in blocks.
        rank: From 1 to min(m, n).
        split: Which factor takes the singular values. ``"first"``: ``right`` is diag(s) V^T and
            ``left`` is U, orthonormal (Girshick 2015). ``right`` is the layer that comes first.
            ``"sqrt"``: both take their square roots, which balances the gradients of a pair
            that is going to be trained.

    Raises:
        ValueError: The rank or the split is not one of those, or ``matrix`` is no matrix, or
            holds NaN or Inf.
    """
    matrix = as_matrix(matrix)
    if not 1 <= rank <= min(matrix.shape):
        raise ValueError(f"rank {rank} is not between 1 and {min(matrix.shape)}")
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not one of {', '.join(SPLITS)}")
    tall = matrix.shape[0] > matrix.shape[1]
    found = _factor(matrix.T if tall else matrix, rank)
    left, right = _signed(*(_turned(found) if tall else (found.basis, found.coefficients)))
    squares = _squared_norms(right)
    if split == "sqrt":
        left, right = balanced(left, right)
    left = np.ascontiguousarray(left, np.float32)
    right = np.ascontiguousarray(right, np.float32)
    total, after = found.squared_norm, found.eigenvalues[rank:]
    lost = max(total - found.eigenvalues[:rank].sum(), 0.0)
    return LowRankFactors(
        left=left,
        right=right,
        singular_values=np.sqrt(np.sort(squares)[::-1]),
        next_singular_value=float(np.sqrt(after[0])) if len(after) else 0.0,
        squared_norm=total,
        error=_attained(matrix, left, right, total, float(squares.sum())),
        optimum=float(np.sqrt(lost / total)) if total else 0.0,
    )


class _Found(NamedTuple):
    """``wide`` (m x n, m <= n) as ``basis @ coefficients``, and what is known of it.

    Attributes:
        basis: Shape (m, rank), orthonormal.
        coefficients: ``basis.T @ wide``, shape (rank, n).
        eigenvalues: Its largest squared singular values, falling: ``rank`` and, unless that is
            all, the next.
        squared_norm: ``||wide||_F^2``.
        missed: How much more the true largest eigenvalues may add up to, where vectors were
            found by iteration.
    """

    basis: np.ndarray
    coefficients: np.ndarray
    eigenvalues: np.ndarray
    squared_norm: float
    missed: float = 0.0


def _factor(wide: np.ndarray, rank: int) -> _Found:
    if is_small(wide):
        return _by_lapack(wide, rank)
    found = _by_gram_single(wide, rank) if rank <= NEARLY_FULL * len(wide) else None
    return found or _by_gram_double(wide, rank)


def _by_lapack(wide: np.ndarray, rank: int) -> _Found:
    require_finite(wide)
    # LAPACK is several times faster on a tall matrix than on a wide one.
    right, values, left = np.linalg.svd(wide.T.astype(np.float64), full_matrices=False)
    coefficients = values[:rank, None] * right.T[:rank]
    return _Found(left[:rank].T, coefficients, values**2, float(values @ values))


def _by_gram_single(wide: np.ndarray, rank: int) -> Optional[_Found]:
    """The factors from float32 arithmetic, or None where it cannot be trusted."""
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = gram(wide, np.float32)
    squared_norm = float(np.trace(matrix, dtype=np.float64))
    underflow = wide.size * float(SINGLE.tiny / SINGLE.eps)
    if not underflow < squared_norm < np.inf:
        return None
    blur = rounding(matrix, wide)
    found = _projected(wide, rank, matrix)
    return found if _is_optimal(found, rank, blur) else None


def _by_gram_double(wide: np.ndarray, rank: int) -> _Found:
    require_finite(wide)
    return _projected(wide, rank, gram(wide, np.float64))


def _projected(wide: np.ndarray, rank: int, matrix: np.ndarray) -> _Found:
    """Project ``wide`` on the leading eigenvectors of its Gram matrix, which is overwritten."""
    squared_norm = float(np.trace(matrix, dtype=np.float64))
    found = leading_pairs(mirrored(matrix), rank, TOLERANCE)
    eigenvalues, basis, missed = found or LeadingPairs(*eigenpairs(matrix, rank), 0.0)
    coefficients = project(wide, basis)
    return _Found(basis, coefficients, np.maximum(eigenvalues, 0.0), squared_norm, missed)


def _is_optimal(found: _Found, rank: int, blur: float) -> bool:
    """Whether the error is at most `SUBOPTIMALITY` times what an exact computation would reach.

    The eigenvalues of a Gram matrix that is off by E sum up to at most ``sqrt(rank) ||E||_F``
    less than the true ones (Hoffman and Wielandt 1953); ``blur`` is an estimate of that norm, so
    it counts double. LAPACK's own errors are a few units of rounding of the largest eigenvalue,
    and add up like random numbers.
    """
    unsure = 2 * blur + 4 * float(SINGLE.eps) * found.eigenvalues[0]
    most = found.eigenvalues[:rank].sum() + found.missed + np.sqrt(rank) * unsure
    attained = found.squared_norm - _squared_norms(found.coefficients).sum()
    return bool(attained <= SUBOPTIMALITY**2 * (found.squared_norm - most))


def _turned(found: _Found) -> Tuple[np.ndarray, np.ndarray]:
    """The factors of the transposed matrix, with orthonormal columns on the left again."""
    left, triangle = np.linalg.qr(found.coefficients.T)
    return left, triangle @ found.basis.T


def _signed(left: np.ndarray, right: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    signs = column_signs(left)
    return left * signs, np.multiply(right, signs[:, None], out=right)


def balanced(left: np.ndarray, right: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Return factors of the same product in which each term's two halves have the same norm.

    Args:
        left: Shape (m, rank), columns of norm 1.
        right: Shape (rank, n).
    """
    roots = _squared_norms(right) ** 0.25
    inverse = np.divide(1, roots, out=np.zeros_like(roots), where=roots > 0)
    scaled = right * inverse.astype(right.dtype)[:, None]
    return left * roots.astype(left.dtype), scaled


def _attained(
    matrix: np.ndarray, left: np.ndarray, right: np.ndarray, squared_norm: float, kept: float
) -> float:
    """Relative error of the factors; by Pythagoras where that cancels no more than three digits."""
    lost = squared_norm - kept
    if squared_norm == 0:
        return 0.0
    if is_small(matrix) or lost < 1e-3 * squared_norm:
        return relative_residual(matrix, left, right)
    return float(np.sqrt(lost / squared_norm))


def _squared_norms(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
