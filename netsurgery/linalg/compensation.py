"""Let the channels that are kept stand in for those that are cut, in the weights that read them.

Least squares on the Gram matrix of the channels (He, Zhang and Sun 2017; Chee et al. 2022): each
channel is written as a combination of the kept ones, and the combination is folded into the next
layer. The Gram matrix is that of the values which the next layer reads. Weights of this layer
will not do where an activation stands between: ``relu(A z)`` is not ``A relu(z)``.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.linalg.moments import Moments

Ridge = Union[float, str]

WORST_CONDITION = 1e8
"""float32 values carry seven digits, their squares in a Gram matrix at most fifteen: beyond
half of these a solution is made of rounding."""


LEAST_RIDGE = 1e-3
"""Share of the mean square of the inputs by which those not seen in calibration differ at least."""

DOUBT = 0.1
"""How much the ridge grows with the square of unknowns by rows seen: as many unknowns as rows
could be fitted to anything. On `cifar10_quick`, half its MACs cut and 1000 calibration images for
848 inputs of `ip1`, accuracy is .706 with a ridge of 0.08, .676 with 0.001."""


def ridge_for(width: int, rows: int) -> float:
    """The ridge, as a share of the mean of the diagonal, to fit ``width`` unknowns on ``rows``."""
    return LEAST_RIDGE + DOUBT * (width / max(rows, 1)) ** 2


_SMALL = 64
"""Up to this width systems are solved all at once."""


class Reconstruction(NamedTuple):
    """All channels from the kept ones: ``y ~ matrix @ y[kept] + constant``.

    Attributes:
        matrix: A, shape (d, kept); the rows of kept channels are exactly those of the identity.
        constant: Shape (d,), exactly 0 for kept channels; None if there was no mean to start from.
    """

    matrix: np.ndarray
    constant: Optional[np.ndarray]


def reconstruction(
    gram: np.ndarray,
    kept: Sequence[int],
    ridge: Ridge = "auto",
    mean: Optional[np.ndarray] = None,
) -> Reconstruction:
    """Least-squares reconstruction of all channels from the kept ones.

    ``A = G[:, kept] (G[kept, kept] + ridge)^-1``. Without a mean no constant is used: that is
    what a consumer wants which pads its input with zeros, because a zero of the padding would
    not be given the constant. With a mean the fit is of the deviations from it, and
    ``constant = mean - A mean[kept]``, which leaves a smaller error.

    Args:
        gram: G, shape (d, d), symmetric. With a mean: the mean of ``y y^T``, not the sum.
        kept: The kept channels, in the order in which they stand in the thinned layer.
        ridge: As in `refit`.
        mean: Shape (d,), the mean of y.

    Raises:
        ValueError: As in `refit`, or the shapes do not fit.
    """
    gram, kept = np.asarray(gram, np.float64), list(kept)
    if mean is not None:
        gram = centred(gram, mean)
    matrix = refit(gram[:, kept], gram[np.ix_(kept, kept)], ridge)
    matrix[kept] = np.eye(len(kept))
    if mean is None:
        return Reconstruction(matrix, None)
    mean = np.asarray(mean, np.float64)
    return Reconstruction(matrix, mean - matrix @ mean[kept])


def centred(gram: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The covariance, from the mean of ``y y^T`` (shape (d, d)) and the mean of y (shape (d,))."""
    mean = np.asarray(mean, np.float64)
    if mean.shape != gram.shape[:1]:
        raise ValueError(f"a mean of shape {mean.shape} does not fit {gram.shape}")
    return gram - np.outer(mean, mean)


def refit(
    cross: np.ndarray,
    gram_kept: np.ndarray,
    ridge: Ridge = "auto",
    toward: Optional[np.ndarray] = None,
) -> np.ndarray:
    """The weights that best give the targets from the inputs that are left (He et al. 2017).

    ``W = cross (gram_kept + ridge)^-1`` minimises ``||Y - W X||_F^2 + ridge ||W||_F^2``. X holds
    what the thinned layer reads, whole patches of a convolution if you like, from the original
    net or from the one already thinned; Y what the original gives.

    Several of them at once, as the groups of a convolution are, lie along axes in front.

    Args:
        cross: ``Y X^T``, shape (outputs, k).
        gram_kept: ``X X^T``, shape (k, k), symmetric.
        ridge: ``"auto"``: none while the condition number is at most `WORST_CONDITION`, and
            otherwise just as much as brings it down to that. A number is a share of the mean
            of the diagonal.
        toward: Weights from which the ridge does not let the answer stray, shape (outputs, k);
            zero if None. Where few inputs were seen, or they leave the answer open, this is what
            remains.

    Returns:
        Shape (outputs, k), float64.

    Raises:
        ValueError: The shapes do not fit, a value is NaN or Inf, or the matrix is singular and
            the ridge is too small to mend it.
    """
    return _solve(np.asarray(cross, np.float64), np.array(gram_kept, np.float64), ridge, toward)


def refit_rows(
    weights: np.ndarray,
    seen: Moments,
    centred: bool,
    ridge: Optional[Ridge] = None,
    free: Optional[np.ndarray] = None,
) -> Tuple[np.ndarray, np.ndarray]:
    """Return weights that best give targets from rows, held to where they were, and a constant.

    Where some weights are held at zero, each output has least squares over its own free ones.

    Args:
        weights: Shape (outputs, k), or (groups, outputs, k).
        seen: Moments of the rows and of the targets, in as many groups.
        centred: Whether the constant can be added: then the fit is of deviations from means.
        ridge: As in `refit`; by default the more, the fewer rows were seen.
        free: Of the shape of the weights, False where one is held at zero; all are free if None.

    Returns:
        Shape (outputs, k), and the constant that gives the targets their mean, shape (outputs,);
        of groups with their axis in front.

    Raises:
        ValueError: As in `refit`.
    """
    cross = seen.cross_covariance if centred else seen.cross
    gram = seen.covariance if centred else seen.second
    share = ridge_for(gram.shape[-1], seen.count) if ridge is None else ridge
    found = _solve(cross, gram, share, weights, free)
    return found, seen.target_mean - (found @ seen.mean[..., None])[..., 0]


def _solve(
    cross: np.ndarray,
    system: np.ndarray,
    ridge: Ridge,
    toward: Optional[np.ndarray],
    free: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Do what `refit` says, and overwrite the system: of wide layers a copy of it is large."""
    size = cross.shape[-1]
    if system.shape != (*cross.shape[:-2], size, size) or not system.size:
        raise ValueError(f"a Gram matrix of shape {system.shape} does not fit {cross.shape}")
    if not np.isfinite(system).all() or not np.isfinite(cross).all():
        raise ValueError("the Gram matrix holds NaN or Inf")
    penalty = _penalty(system, ridge)[..., None]
    diagonal = np.einsum("...ii->...i", system)
    diagonal += penalty
    if toward is not None:
        cross = cross + penalty[..., None] * np.asarray(toward, np.float64)
    try:
        return _divided(cross, system) if free is None else _divided_where(free, cross, system)
    except np.linalg.LinAlgError as singular:
        problem = f"the kept channels depend on each other; ridge {ridge} is too small"
        raise ValueError(problem) from singular


def _divided(cross: np.ndarray, system: np.ndarray) -> np.ndarray:
    """Return ``cross system^-1`` by Cholesky factors; the system is overwritten.

    Small ones all at once, as a call takes longer than the arithmetic; others each by itself, with
    half the work, as the factor is a triangle.

    Raises:
        LinAlgError: A system is not positive definite.
    """
    from scipy.linalg import cho_factor, cho_solve

    if system.ndim == 2:
        factor = cho_factor(system.T, lower=True, overwrite_a=True, check_finite=False)
        return cho_solve(factor, cross.T, check_finite=False).T
    if system.shape[-1] > _SMALL:
        return np.stack([_divided(*one) for one in zip(cross, system)])
    factor = np.linalg.cholesky(system)
    half = np.linalg.solve(factor, np.swapaxes(cross, -1, -2))
    return np.swapaxes(np.linalg.solve(np.swapaxes(factor, -1, -2), half), -1, -2)


def _divided_where(free: np.ndarray, cross: np.ndarray, system: np.ndarray) -> np.ndarray:
    """Return for each row of ``cross`` the same with those unknowns alone that are free, else 0.

    Rows in which the same ones are free are solved together.

    Raises:
        LinAlgError: A system is not positive definite.
    """
    if system.ndim > 2:
        return np.stack([_divided_where(*one) for one in zip(free, cross, system)])
    found = np.zeros_like(cross)
    patterns, places = np.unique(free, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows, columns = np.flatnonzero(places.ravel() == number), np.flatnonzero(pattern)
        if len(columns):
            part = np.ix_(rows, columns)
            found[part] = _divided(cross[part], system[np.ix_(columns, columns)])
    return found


def fold(weights: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The weights that read the kept channels as ``weights`` reads all of them.

    Args:
        weights: Shape (N, C, kh, kw) of a Convolution, or (N, C * H * W) of an InnerProduct,
            where H * W is found by division. Of a grouped convolution, fold each group by itself.
        matrix: Shape (C, kept): the ``matrix`` of a `Reconstruction`, or columns of the identity
            to cut without compensation.

    Returns:
        Shape (N, kept, kh, kw) or (N, kept * H * W), with the dtype of ``weights``.

    Raises:
        ValueError: The shapes do not fit.
    """
    channels = _by_channel(weights, len(matrix))
    folded = np.einsum("ncs,cj->njs", channels, matrix, optimize=True)
    shape = (len(weights), -1) if weights.ndim == 2 else (*folded.shape[:2], *weights.shape[2:])
    return np.ascontiguousarray(folded.reshape(shape), weights.dtype)


def _by_channel(weights: np.ndarray, channels: int) -> np.ndarray:
    """Weights as float64 of shape (N, C, whatever each channel has)."""
    inputs = weights.shape[1] if weights.ndim > 1 else 0
    fits = inputs == channels if weights.ndim > 2 else weights.ndim == 2 and inputs > 0
    if not fits or inputs % channels:
        raise ValueError(f"weights of shape {weights.shape} do not read {channels} channels")
    return weights.reshape(len(weights), channels, -1).astype(np.float64)


def _penalty(system: np.ndarray, ridge: Ridge) -> np.ndarray:
    """What to add to the diagonal of ``system``, shape () or (groups,)."""
    if ridge != "auto":
        if not isinstance(ridge, (int, float)) or not 0 <= ridge < np.inf:
            raise ValueError(f"ridge {ridge!r} is neither 'auto' nor a number from 0 on")
        mean = np.trace(system, axis1=-2, axis2=-1) / system.shape[-1]
        # Of nothing but zeros any share leaves the answer as it would be without them.
        return np.where(mean > 0, ridge * mean, 1.0 if ridge else 0.0)
    values = np.linalg.eigvalsh(system)
    least, most = values[..., 0], values[..., -1]
    excess = np.maximum((most - WORST_CONDITION * least) / (WORST_CONDITION - 1), 0.0)
    # Nothing but zeros, the right-hand side too: any penalty gives the answer, zero.
    return np.where(most <= 0, 1.0, excess)
