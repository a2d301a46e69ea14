"""Weights predicted from some of them by kernel ridge regression (Denil et al. 2013).

The weights w of an output are taken for values of a smooth function over what they weigh: where
some of them, ``w[a]``, are known, all are predicted as ``w[a] K[a, a]^-1 K[a]``, with a kernel K
that says how much two of them are alike, its ridge included. So all rows of a matrix are V U, with
one dictionary U: a low-rank pair of which the weights have no say in the one factor.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.linalg.spectrum import NOISE

RIDGE = 1e-3
"""What is added to the diagonal of a kernel, as a share of its mean: what no other weight tells."""
SCALES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Length scales that are tried, in places of the grid."""

_AT_ONCE = 256
"""Rows of weights that are held in float64."""


class GridDictionary(NamedTuple):
    """How weights over a grid follow from some of them.

    Attributes:
        places: Of these, among (channels, *grid) in the order of memory; shape (r,).
        dictionary: U, shape (r, channels * prod(grid)).
        scale: The length scale by which least is lost.
    """

    places: np.ndarray
    dictionary: np.ndarray
    scale: float


def squared_exponential(grid: Sequence[int], scale: float) -> np.ndarray:
    """Return the kernel ``exp(-distance^2 / (2 scale^2))`` of all pairs of places, with its ridge.

    Args:
        grid: Its sizes; without any it has one place.
        scale: Length scale, in places.

    Returns:
        Shape (d, d), with d the product of the sizes, the last axis running fastest.
    """
    places = np.indices(tuple(grid)).reshape(len(grid), -1) if grid else np.zeros((1, 1))
    apart = places[:, :, None] - places[:, None, :]
    return with_ridge(np.exp(-0.5 * np.square(apart).sum(axis=0) / scale**2))


def with_ridge(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel with a ridge: then it is positive, and no prediction is blown up.

    Args:
        kernel: Shape (d, d), symmetric and positive semi-definite.
    """
    found = np.array(kernel, np.float64)
    found[np.diag_indices_from(found)] += RIDGE * np.trace(found) / len(found) or 1.0
    return found


def spread_places(kernel: np.ndarray, count: int) -> Tuple[np.ndarray, np.ndarray]:
    """Choose places one after the other, each that of which those before say least.

    Args:
        kernel: K, shape (d, d), positive.
        count: How many, from 1 to d.

    Returns:
        The places, shape (count,); and for each what knowing it adds to the prediction of all, per
        unit by which the prediction of it was wrong: shape (count, d). The first n of these span
        what the first n rows of K do.
    """
    rest = np.array(kernel, np.float64)
    free = np.ones(len(rest), bool)
    order, gains = np.zeros(count, int), np.zeros((count, len(rest)))
    for number in range(count):
        place = int(np.argmax(np.where(free, np.diagonal(rest), -np.inf)))
        gain = rest[place] / rest[place, place]
        order[number], gains[number] = place, gain
        free[place] = False
        rest -= rest[:, place, None] * gain
    return order, gains


def ridge_dictionary(kernel: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return U, by which ``W[:, places] @ U`` predicts W; those that are known stay as they are.

    Args:
        kernel: K, shape (d, d), positive.
        places: Of the weights that are known, shape (r,).

    Returns:
        ``K[a, a]^-1 K[a]``, shape (r, d), float64.
    """
    found: np.ndarray = np.linalg.solve(kernel[np.ix_(places, places)], kernel[places])
    found[:, places] = np.eye(len(places))
    return found


def fitted_weights(
    weights: np.ndarray, dictionary: np.ndarray, moment: Optional[np.ndarray] = None
) -> np.ndarray:
    """Return V for which V U comes closest to W, as training would find it with U as it is.

    Args:
        weights: W, shape (n, d).
        dictionary: U, shape (r, d).
        moment: M, shape (d, d), positive: V is then best for what W makes of inputs x with
            ``E[x x^T] = M``.

    Returns:
        Shape (n, r), float64.
    """
    seen = dictionary if moment is None else dictionary @ moment
    found: np.ndarray = np.linalg.solve(dictionary @ seen.T, _products(seen, weights)).T
    return found


def squared_distance(weights: np.ndarray, left: np.ndarray, right: np.ndarray) -> float:
    """Return ``||W - V U||^2`` (Frobenius), without the product, which may be large.

    Args:
        weights: W, shape (n, d).
        left: V, shape (n, r).
        right: U, shape (r, d).

    Returns:
        The square, to some 1e-15 of ``||W||^2``.
    """
    met = float(np.vdot(left.T, _products(right, weights)))
    own = float(np.vdot(left.T @ left, right @ right.T))
    return max(squared_norm(weights) - 2 * met + own, 0.0)


def squared_norm(weights: np.ndarray) -> float:
    """Return ``||W||^2``, added up in float64 without a copy of it all."""
    return sum(float(np.square(row, dtype=np.float64).sum()) for row in weights)


def grid_losses(weights: np.ndarray) -> np.ndarray:
    """Return which share of ``||W||^2`` the best V U loses with r rows of U, for every r.

    Args:
        weights: Shape (outputs, channels, *grid). Channels say nothing of each other.

    Returns:
        Shape (channels * prod(grid),): of r = 1, 2, ..., each by its best length scale.
    """
    _, grams, ranked = _by_channels(weights)
    grid = weights.shape[2:]
    return np.min([_losses(grams[ranked], grid, scale) for scale in SCALES], axis=0)


def grid_dictionary(weights: np.ndarray, rank: int) -> GridDictionary:
    """Return the dictionary with so many rows, by the length scale that loses least.

    Args:
        weights: Shape (outputs, channels, *grid).
        rank: How many, from 1 to channels * prod(grid).
    """
    channels, grams, ranked = _by_channels(weights)
    grid = weights.shape[2:]
    lost = [_losses(grams[ranked], grid, scale)[rank - 1] for scale in SCALES]
    scale = SCALES[int(np.argmin(lost))]
    kernel = squared_exponential(grid, scale)
    size = len(kernel)
    order, _ = spread_places(kernel, -(-rank // channels))
    # The first place of every channel, then the second of each, as far as the rank goes.
    places = np.add.outer(order, ranked * size).ravel()[:rank]
    dictionary = np.zeros((rank, channels * size))
    for channel in range(channels):
        rows = np.flatnonzero(places // size == channel)
        own = ridge_dictionary(kernel, places[rows] % size)
        dictionary[rows, channel * size : (channel + 1) * size] = own
    return GridDictionary(places, dictionary, scale)


def _products(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """``rows @ weights.T`` in float64, with some of the weights at a time."""
    starts = range(0, len(weights), _AT_ONCE)
    parts = (weights[start : start + _AT_ONCE].astype(np.float64) for start in starts)
    return np.concatenate([rows @ part.T for part in parts], axis=1)


def _by_channels(weights: np.ndarray) -> Tuple[int, np.ndarray, np.ndarray]:
    """How many channels, the products of the weights of each, and channels by what they weigh."""
    outputs, channels = weights.shape[:2]
    flat = weights.reshape(outputs, channels, -1).transpose(1, 2, 0)
    grams = np.array([part @ part.T for part in (one.astype(np.float64) for one in flat)])
    return channels, grams, np.argsort(-np.einsum("cii->c", grams), kind="stable")


def _losses(grams: np.ndarray, grid: Sequence[int], scale: float) -> np.ndarray:
    """The share that is lost at each rank, where channels are given a place in turn."""
    size = grams.shape[1]
    _, gains = spread_places(squared_exponential(grid, scale), size)
    basis, _ = np.linalg.qr(gains.T)
    met = np.einsum("cdk,dk->kc", grams @ basis, basis)
    whole = float(met.sum())
    lost = np.maximum(1 - np.cumsum(met) / whole, 0) if whole else np.zeros(met.size)
    lost[lost <= NOISE**2] = 0
    lost[-1] = 0
    return lost
