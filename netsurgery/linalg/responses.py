"""A matrix cut to the directions in which its products with real rows vary most.

Principal components of the responses ``y = W x + b`` (Zhang et al. 2015, the linear case). Of all
products of that rank it loses least of the responses; no inverse is taken, so that inputs may be
dependent or dead. Where the inputs are white it is the truncated SVD.

Where rows x are not any more those of which the responses were made, W is first fitted to them:
reduced-rank regression (Izenman 1975), the asymmetric case of Zhang et al.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.linalg.blocks import project, rounded_product
from netsurgery.linalg.compensation import Ridge, refit_rows
from netsurgery.linalg.moments import Moments
from netsurgery.linalg.residual import relative_residual
from netsurgery.linalg.scatter import Scatter
from netsurgery.linalg.svd import balanced, truncated_svd


class Responses(NamedTuple):
    """A matrix W as a product, and the constant that goes with it.

    Attributes:
        right: Shape (rank, inputs), float32.
        left: Shape (outputs, rank), float32.
        error: ``||W - left @ right|| / ||W||`` (Frobenius).
        bias: Shape (outputs,), float64: gives the responses the mean that they had; None where W
            has no bias.
    """

    right: np.ndarray
    left: np.ndarray
    error: float
    bias: Optional[np.ndarray]


class FullRankSolution(NamedTuple):
    """A matrix as it should be if it could have any rank, and what it makes of real rows.

    Attributes:
        matrix: W, shape (outputs, inputs).
        bias: b, shape (outputs,), or None.
        scatter: Covariance of the responses; without a bias, which alone could make up for a mean,
            their second moment.
        mean: Mean of what the responses should be, shape (outputs,).
    """

    matrix: np.ndarray
    bias: Optional[np.ndarray]
    scatter: Scatter
    mean: np.ndarray


class Mixing(NamedTuple):
    """Responses of low rank made of responses: ``left @ right @ y + bias``.

    Attributes:
        left: Shape (outputs, rank), orthonormal columns.
        right: Shape (rank, outputs).
        bias: Shape (outputs,), or None.
    """

    left: np.ndarray
    right: np.ndarray
    bias: Optional[np.ndarray]


def as_it_is(matrix: np.ndarray, bias: Optional[np.ndarray], seen: Moments) -> FullRankSolution:
    """Return a matrix with what it makes.

    Args:
        matrix: W, shape (outputs, inputs).
        bias: b, shape (outputs,), or None.
        seen: Moments of the responses, b included.
    """
    return FullRankSolution(matrix, bias, seen.scatter(centred=bias is not None), seen.mean)


def fitted_to_rows(
    matrix: np.ndarray,
    bias: Optional[np.ndarray],
    seen: Moments,
    ridge: Optional[Ridge] = None,
) -> FullRankSolution:
    """Return the matrix that best gives the responses wanted of the rows there are.

    Args:
        matrix: W, to which the answer is held where rows leave it open.
        bias: b, shape (outputs,), or None.
        seen: Moments of the rows x, with the responses wanted.
        ridge: As in `refit_rows`.
    """
    weights, constant = refit_rows(matrix, seen, bias is not None, ridge)
    scatter = seen.scatter(centred=bias is not None).seen_through(weights)
    return FullRankSolution(weights, None if bias is None else constant, scatter, seen.target_mean)


def fitted_to_outputs(
    matrix: np.ndarray,
    bias: Optional[np.ndarray],
    seen: Moments,
    ridge: Optional[Ridge] = None,
) -> FullRankSolution:
    """Return what `fitted_to_rows` does of the matrices ``M W``, for rows too long for a Gram.

    Args:
        matrix: W, shape (outputs, inputs).
        bias: b, shape (outputs,), or None.
        seen: Moments of the responses there are, b included, with those wanted.
        ridge: As in `refit_rows`.
    """
    mixing, own, scatter, mean = fitted_to_rows(np.eye(len(matrix)), bias, seen, ridge)
    constant = None if bias is None or own is None else mixing @ bias + own
    return FullRankSolution(mixing @ matrix, constant, scatter, mean)


def principal(whole: FullRankSolution, rank: int) -> Mixing:
    """Return the mixing of that rank which loses least of what a matrix makes of real rows.

    Where that rank is more than the rows tell of, the rest of it loses least of the matrix.

    Args:
        whole: The matrix.
        rank: From 1 to the number of outputs.
    """
    basis = whole.scatter.leading_axes(rank)
    if basis.shape[1] < rank:
        basis = _completed(basis, whole.matrix, rank)
    bias = None if whole.bias is None else whole.mean - basis @ (basis.T @ whole.mean)
    return Mixing(basis, basis.T, bias)


def _completed(basis: np.ndarray, matrix: np.ndarray, rank: int) -> np.ndarray:
    """Orthonormal columns and as many more as are missing, the best for what a matrix has left."""
    known = basis.shape[1]
    # A copy in float64 of a layer as wide as VGG16's fc6 would be the largest of all arrays.
    single = basis.astype(np.float32)
    rest = single @ (single.T @ matrix.astype(np.float32, copy=False))
    np.subtract(matrix, rest, out=rest)
    found = truncated_svd(rest, min(rank - known, *rest.shape)).left
    columns = np.zeros((len(basis), rank))
    columns[:, :known], columns[:, known : known + found.shape[1]] = basis, found
    # Where the rest is nothing but rounding, it has no directions of its own.
    columns[:, known:] = np.linalg.qr(columns)[0][:, known:]
    return columns


def stored(
    whole: FullRankSolution, mixing: Mixing, split: str, instead_of: np.ndarray
) -> Responses:
    """Return a matrix and a mixing of what it makes as two factors.

    Args:
        whole: The matrix.
        mixing: The mixing.
        split: Which factor takes the scale of the components, as in `truncated_svd`.
        instead_of: What the error is told of, shape (outputs, inputs).
    """
    left, right = mixing.left, project(whole.matrix, mixing.right.T)
    bias = _constant(whole, mixing)
    if split == "sqrt":
        left, right = balanced(left, right)
    left, right = np.ascontiguousarray(left, np.float32), np.ascontiguousarray(right, np.float32)
    return Responses(right, left, relative_residual(instead_of, left, right), bias)


def mixed(whole: FullRankSolution, mixing: Mixing) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    """Return a matrix and a mixing of what it makes as one matrix, with the bias if there is one.

    Args:
        whole: The matrix.
        mixing: The mixing.

    Returns:
        Shape (outputs, inputs), float32, of that rank at most; and (outputs,).
    """
    right = project(whole.matrix, mixing.right.T)
    return rounded_product(mixing.left, right), _constant(whole, mixing)


def _constant(whole: FullRankSolution, mixing: Mixing) -> Optional[np.ndarray]:
    if mixing.bias is None:
        return None
    found: np.ndarray = mixing.bias + mixing.left @ (mixing.right @ whole.bias)
    return found
