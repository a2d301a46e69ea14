"""A product of low rank fitted to what a ReLU leaves of its responses.

Zhang et al. 2015, the nonlinear case: ``min sum ||r(y) - r(M x + b)||^2`` over M of low rank. Each
r(M x + b) is given a value z of its own near M x + b, ``||r(y) - r(z)||^2 + penalty ||z - M x -
b||^2``; z is then known one by one, M and b by reduced-rank regression, in turns. No turn is sure
to lower what is wanted, so the best of all is kept, the linear solution among them.
"""

from __future__ import annotations

from typing import Optional

import numpy as np

from netsurgery.linalg.axes import leading_axes
from netsurgery.linalg.compensation import Ridge, refit, ridge_for
from netsurgery.linalg.responses import Mixing

STAGES = ((0.01, 25), (1.0, 25))
"""Penalties and turns, as in the paper."""


def fit_rectified(
    rows: np.ndarray,
    targets: np.ndarray,
    start: Mixing,
    slope: float = 0.0,
    ridge: Optional[Ridge] = None,
) -> Mixing:
    """Return a mixing of rows that is nearest to targets once both went through a ReLU.

    Args:
        rows: x, shape (m, n).
        targets: y, shape (m, n).
        start: Where to set out from; gives the rank, and whether there is a bias. What comes is
            not worse on these rows.
        slope: Of the ReLU below zero.
        ridge: As in `netsurgery.linalg.compensation.refit`; holds each turn to the one before. By
            default the more, the fewer rows there are.
    """
    rows, wanted = rows.astype(np.float64), rectify(targets.astype(np.float64), slope)
    mean = np.zeros(rows.shape[1]) if start.bias is None else rows.mean(axis=0)
    centred = rows - mean
    gram = centred.T @ centred / len(rows)
    share = ridge_for(*rows.shape[::-1]) if ridge is None else ridge
    best, least, mixing, made = start, np.inf, start, mixed(start, rows)
    for penalty, turns in STAGES:
        for _ in range(turns):
            error = _distance(rectify(made, slope), wanted)
            if error < least:
                best, least = mixing, error
            values = nearest(made, wanted, slope, penalty)
            middle = np.zeros(len(mean)) if start.bias is None else values.mean(axis=0)
            cross = (values - middle).T @ centred / len(rows)
            matrix = refit(cross, gram, share, mixing.left @ mixing.right)
            left = leading_axes(matrix @ gram @ matrix.T, start.left.shape[1])
            right = left.T @ matrix
            bias = None if start.bias is None else middle - left @ (right @ mean)
            mixing = Mixing(left, right, bias)
            made = mixed(mixing, rows)
    return mixing if _distance(rectify(made, slope), wanted) < least else best


def mixed(mixing: Mixing, rows: np.ndarray) -> np.ndarray:
    """Return what a mixing makes of rows, shape (m, outputs)."""
    found: np.ndarray = rows @ mixing.right.T @ mixing.left.T
    return found if mixing.bias is None else found + mixing.bias


def rectify(array: np.ndarray, slope: float = 0.0) -> np.ndarray:
    """Return what a ReLU makes of numbers."""
    return np.where(array > 0, array, slope * array)


def nearest(made: np.ndarray, wanted: np.ndarray, slope: float, penalty: float) -> np.ndarray:
    """Return for each number u the z of least ``(r(z) - t)^2 + penalty (z - u)^2``.

    Args:
        made: u.
        wanted: t, of the same shape.
        slope: Of r below zero.
        penalty: Above zero.
    """
    below = np.minimum((penalty * made + slope * wanted) / (penalty + slope**2), 0)
    above = np.maximum((penalty * made + wanted) / (penalty + 1), 0)
    costs = [
        (factor * z - wanted) ** 2 + penalty * (z - made) ** 2
        for factor, z in ((slope, below), (1, above))
    ]
    return np.where(costs[0] < costs[1], below, above)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.square(one - other).sum())
