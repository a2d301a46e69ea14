"""The rank of a matrix below which everything looks like noise: analytic empirical VB.

Empirical variational Bayesian matrix factorisation models a matrix as a product of factors plus
white noise, and has a closed form: Nakajima, Sugiyama, Babacan and Tomioka, "Global analytic
solution of fully-observed variational Bayesian matrix factorization", JMLR 14, 2013. Kim et al.
2016 choose the ranks of convolutions by it.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import NamedTuple, Tuple

import numpy as np

from netsurgery.linalg.spectrum import NOISE

_SMALLEST_TAU = 2.5129
"""Divided by the root of L / M, where a component starts to pay."""

_GRID = 256
_REFINEMENTS = 6


class Evbmf(NamedTuple):
    """What the model finds in a matrix.

    Attributes:
        rank: How many singular values are not explained by noise; 0 if all are.
        noise: The standard deviation of the noise in each entry.
    """

    rank: int
    noise: float


def evbmf_rank(singular_values: np.ndarray, shape: Tuple[int, int]) -> Evbmf:
    """Return the rank and noise of the matrix with these singular values.

    Args:
        singular_values: All of them, falling, shape (min(shape),), as `spectrum` returns.
        shape: The matrix's shape; which side is longer does not matter.

    Raises:
        ValueError: They are not as many as the matrix has.
    """
    short, long = sorted(shape)
    squares = np.asarray(singular_values, np.float64) ** 2
    if len(squares) != short:
        raise ValueError(f"{len(squares)} singular values for a {shape[0]}x{shape[1]} matrix")
    if not short or not squares[0]:
        return Evbmf(0, 0.0)
    ratio = short / long
    tau = _SMALLEST_TAU * sqrt(ratio)
    threshold = (1 + tau) * (1 + ratio / tau)
    scaled = squares / squares[0] / long  # so that the scale of the matrix does not matter
    variance = _most_likely_variance(scaled, ratio, threshold, long)
    rank = int((scaled > variance * threshold).sum())
    return Evbmf(rank, sqrt(variance * squares[0]))


def _most_likely_variance(squares: np.ndarray, ratio: float, threshold: float, long: int) -> float:
    """The variance of least free energy: a grid first, as there are many local minima.

    Args:
        squares: Squared singular values divided by the longer side, shape (L,).
        ratio: L / M.
        threshold: What such a square must be, in units of the variance, to count.
        long: M.
    """
    low, high = _bounds(squares, ratio, threshold)
    # Weights are known to float32 only.
    low = max(low, NOISE**2 / long)
    high = max(low, high)
    for _ in range(_REFINEMENTS):
        grid = np.geomspace(low, high, _GRID)
        best = int(np.argmin([_free_energy(squares / one, ratio, threshold, one) for one in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    return float(grid[best])


def _bounds(squares: np.ndarray, ratio: float, threshold: float) -> Tuple[float, float]:
    """Between which the variance lies."""
    most = min(ceil(len(squares) / (1 + ratio)) - 1, len(squares) - 1)
    return max(squares[most] / threshold, squares[most:].mean()), squares.mean()


def _free_energy(x: np.ndarray, ratio: float, threshold: float, variance: float) -> float:
    """Twice the free energy per longer side, less what does not depend on the variance.

    Args:
        x: Squares in units of the variance.
        ratio: L / M.
        threshold: The smallest x of a component that counts.
        variance: The variance.
    """
    counts = x[x > threshold] - (1 + ratio)
    tau = (counts + np.sqrt(counts**2 - 4 * ratio)) / 2
    gain = np.log1p(tau) + ratio * np.log1p(tau / ratio) - tau
    return float(x.sum() + len(x) * np.log(variance) + gain.sum())
