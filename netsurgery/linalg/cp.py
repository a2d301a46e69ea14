"""A convolution kernel as a sum of products of four vectors each: CP by alternating least squares.

Lebedev et al. 2015 (there by nonlinear least squares, here by alternating ones). The smallest
error of a given rank may not exist, and finding a good one is a matter of luck: this starts from
the leading singular vectors, always the same way, and keeps what it got.
"""

from __future__ import annotations

from math import prod
from typing import Callable, List, NamedTuple, Sequence

import numpy as np

from netsurgery.linalg.spectrum import NOISE
from netsurgery.linalg.tradeoff import Energies

SWEEPS = 60
SETTLED = 1e-5
"""Relative change of the error in a sweep below which the iteration ends."""

SAMPLES = 6
"""Ranks that are fitted to tell what all ranks lose: the last that saves, half of it, and so on."""

_RIDGE = 1e-9
"""Share of the mean diagonal that keeps the equations of nearly parallel vectors solvable."""

Factors = List[np.ndarray]


class Cp(NamedTuple):
    """A kernel as ``sum_r outputs[n, r] inputs[c, r] vertical[y, r] horizontal[x, r]``.

    Attributes:
        outputs: Shape (n, rank), float32.
        inputs: Shape (c, rank), float32.
        vertical: Shape (height, rank), float32.
        horizontal: Shape (width, rank), float32.
        error: ``||W - W'|| / ||W||`` (Frobenius), of these very numbers.
    """

    outputs: np.ndarray
    inputs: np.ndarray
    vertical: np.ndarray
    horizontal: np.ndarray
    error: float


def cp_decomposition(kernel: np.ndarray, rank: int, seed: int = 0) -> Cp:
    """Approximate a kernel by a sum of ``rank`` products.

    Args:
        kernel: Shape (n, c, height, width).
        rank: 1 or more.
        seed: Of the vectors to start from where there are fewer singular ones.

    Raises:
        ValueError: The rank is below 1, or an entry is NaN or Inf.
    """
    if rank < 1:
        raise ValueError(f"rank {rank} is not 1 or more")
    whole = np.asarray(kernel, np.float64)
    if not np.isfinite(whole).all():
        raise ValueError("the weights hold NaN or Inf")
    norm, before = float(np.linalg.norm(whole)), np.inf
    if not norm:
        n, c, y, x = (np.zeros((size, rank), np.float32) for size in whole.shape)
        return Cp(n, c, y, x, 0.0)
    factors = _start(whole, rank, np.random.default_rng(seed))
    for _ in range(SWEEPS):
        energy = _sweep(whole, factors)
        error = np.sqrt(max(norm**2 - energy, 0.0)) / norm
        if abs(before - error) <= SETTLED * max(error, SETTLED):
            break
        before = error
    n, c, y, x = (factor.astype(np.float32) for factor in _balanced(factors))
    away = np.linalg.norm(whole - multiply_out_cp([n, c, y, x]))
    return Cp(n, c, y, x, float(away / norm))


def multiply_out_cp(factors: Factors) -> np.ndarray:
    """Return the kernel, float64, of factors in the order outputs, inputs, vertical, horizontal."""
    n, c, y, x = (np.asarray(factor, np.float64) for factor in factors)
    taps = np.einsum("cr,yr,xr->cyxr", c, y, x)
    found = n @ taps.reshape(-1, taps.shape[-1]).T
    return found.reshape(len(n), *taps.shape[:-1])


def full_rank(shape: Sequence[int]) -> int:
    """Return a rank that meets any kernel of that shape: a product for each vector along an axis.

    Most need less, but no formula says how much.
    """
    return prod(shape) // max(shape)


def cp_energies(shape: Sequence[int], error: Callable[[int], float]) -> Energies:
    """Return what ranks lose, from a few of them.

    In between it is read off a line, and as losses fall ever slower, what is lost is rather less. A
    larger rank is never taken to lose more, though a fit of it may.

    Args:
        shape: Of the kernel, (n, c, height, width).
        error: Fits a rank and returns ``||W - W'|| / ||W||``.
    """
    full = full_rank(shape)
    most = max(1, min(full, (prod(shape) - 1) // sum(shape)))
    ranks = sorted({max(1, most >> halving) for halving in range(SAMPLES)} - {full})
    losses = np.minimum.accumulate([1.0, *(error(rank) ** 2 for rank in ranks), 0.0])
    return Energies((), np.interp(np.arange(1, full + 1), [0, *ranks, full], losses))


def _start(whole: np.ndarray, rank: int, random: np.random.Generator) -> Factors:
    """Leading left singular vectors along each axis, and random ones beyond.

    Random ones too where a kernel with many zeros has nothing in common with a product of those:
    from there the iteration would make it zero, and it would stay so.
    """
    factors = []
    for mode in range(4):
        rows = np.moveaxis(whole, mode, 0).reshape(whole.shape[mode], -1)
        vectors = np.linalg.eigh(rows @ rows.T)[1][:, ::-1][:, :rank]
        signs = np.where(vectors[np.abs(vectors).argmax(0), range(vectors.shape[1])] < 0, -1.0, 1.0)
        more = random.standard_normal((len(rows), rank - vectors.shape[1])) / np.sqrt(len(rows))
        factors.append(np.hstack([vectors * signs, more]))
    missed = np.linalg.norm(_met(whole, factors), axis=0) <= NOISE * np.linalg.norm(whole)
    for factor in factors if missed.any() else ():
        factor[:, missed] = random.standard_normal((len(factor), missed.sum()))
        factor[:, missed] /= np.linalg.norm(factor[:, missed], axis=0)
    return factors


def _met(whole: np.ndarray, factors: Factors) -> np.ndarray:
    """What the kernel and each product of inputs and taps have in common, shape (n, rank)."""
    taps = np.einsum("yr,xr->yxr", *factors[2:]).reshape(-1, factors[0].shape[1])
    both = np.einsum("cr,tr->ctr", factors[1], taps).reshape(-1, taps.shape[1])
    return whole.reshape(len(whole), -1) @ both


def _sweep(whole: np.ndarray, factors: Factors) -> float:
    """Make each factor the best one for the others, and return the energy that they explain."""
    n, c, y, x = whole.shape
    rank = factors[0].shape[1]
    taps = np.einsum("yr,xr->yxr", *factors[2:]).reshape(y * x, rank)
    factors[0] = _solved(factors, 0, _met(whole, factors))
    left = (whole.reshape(n, -1).T @ factors[0]).reshape(c, y * x, rank)
    factors[1] = _solved(factors, 1, np.einsum("ctr,tr->cr", left, taps))
    windows = np.einsum("ctr,cr->tr", left, factors[1]).reshape(y, x, rank)
    factors[2] = _solved(factors, 2, np.einsum("yxr,xr->yr", windows, factors[3]))
    right = np.einsum("yxr,yr->xr", windows, factors[2])
    factors[3] = _solved(factors, 3, right)
    gram = np.prod([factor.T @ factor for factor in factors], axis=0)
    return float(2 * np.vdot(right, factors[3]) - gram.sum())


def _solved(factors: Factors, mode: int, right: np.ndarray) -> np.ndarray:
    """The factor of one axis from the normal equations, shape (size of the axis, rank)."""
    others = [factor for other, factor in enumerate(factors) if other != mode]
    gram = np.prod([other.T @ other for other in others], axis=0)
    gram[np.diag_indices_from(gram)] += _RIDGE * np.trace(gram) / len(gram)
    return np.linalg.solve(gram, right.T).T


def _balanced(factors: Factors) -> Factors:
    """The same products with vectors of equal length, so that float32 loses the least."""
    lengths = np.array([np.linalg.norm(factor, axis=0) for factor in factors])
    share = np.prod(lengths, axis=0) ** 0.25
    divided = np.where(lengths > 0, lengths, 1.0)
    return [factor / length * share for factor, length in zip(factors, divided)]
