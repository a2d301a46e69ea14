"""A matrix cut to the directions in which its products with real rows vary most.

Principal components of the responses ``y = W x + b`` (Zhang et al. 2015, the linear case). Of all
products of that rank it loses least of the responses; no inverse is taken, so that inputs may be
dependent or dead. Where the inputs are white it is the truncated SVD.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np

from netsurgery.linalg.axes import leading_axes
from netsurgery.linalg.moments import Moments
from netsurgery.linalg.residual import relative_residual
from netsurgery.linalg.svd import balanced


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


def fit_responses(
    matrix: np.ndarray,
    bias: Optional[np.ndarray],
    seen: Moments,
    rank: int,
    split: str = "first",
) -> Responses:
    """Factor a matrix so that least is lost of what it made of real rows.

    Without a bias nothing can make up for a mean: then the responses' second moment counts, not
    their covariance.

    Args:
        matrix: W, shape (outputs, inputs).
        bias: b, shape (outputs,), or None.
        seen: Moments of the responses, b included.
        rank: From 1 to the number of outputs.
        split: Which factor takes the scale of the components, as in `truncated_svd`.
    """
    basis = leading_axes(seen.second if bias is None else seen.covariance, rank)
    left, right = basis, basis.T @ matrix.astype(np.float64)
    if split == "sqrt":
        left, right = balanced(left, right)
    left, right = np.ascontiguousarray(left, np.float32), np.ascontiguousarray(right, np.float32)
    fitted = None
    if bias is not None:
        fitted = seen.mean + basis @ (basis.T @ (bias - seen.mean))
    return Responses(right, left, relative_residual(matrix, left, right), fitted)
