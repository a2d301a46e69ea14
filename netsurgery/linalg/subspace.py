"""The leading eigenvectors of a large symmetric matrix, where nearly the best ones are enough.

LAPACK makes the whole matrix tridiagonal first, half of it in products with one vector, which wait
for memory and whose threads wait for each other at each of its columns. Subspace iteration with
Chebyshev polynomials (Rutishauser 1970; Zhou, Saad, Tiago and Chelikowsky 2006) does with products
of large matrices alone, and stops when the eigenvalues cannot be much larger than they are.
"""

from __future__ import annotations

from math import acosh, ceil, log, sqrt
from typing import NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.linalg.blocks import product, subtract_product
from netsurgery.linalg.gram import gram, square
from netsurgery.linalg.threads import single_blas

SMALLEST = 1024
"""Matrices of fewer rows are LAPACK's."""
LARGEST_SHARE = 0.4
"""Share of all eigenvectors from which on LAPACK is no slower."""

_SPARE = 4
"""One more vector is iterated for so many that are wanted."""
_FEWEST_SPARE = 32
_PROBES, _STEPS = 8, 24
_ROUNDS = 6
_FIRST_GAIN = 25.0
"""How much the wanted are to grow at first; later rounds are narrower, and know how much."""
_TINY = 1e-35
_NEAREST = 0.01
"""Sine of the angle of a vector to those before it, below which rounding counts."""
_HIGHEST_DEGREE = 10


class LeadingPairs(NamedTuple):
    """The largest eigenvalues of a matrix and their eigenvectors, nearly.

    Attributes:
        values: The ``count`` largest and the next, falling, float64; above the true ones by no
            more than ``missed``.
        vectors: Shape (m, count), orthonormal columns.
        missed: How much more the sum of the true ``count`` largest may be, about, at most.
    """

    values: np.ndarray
    vectors: np.ndarray
    missed: float


def leading_pairs(matrix: np.ndarray, count: int, tolerance: float) -> Optional[LeadingPairs]:
    """Return vectors that hold nearly as much of a matrix as its leading eigenvectors do.

    With Q the vectors, ``trace(matrix) - trace(Q^T matrix Q)`` is at most ``1 + tolerance`` times
    what the leading eigenvectors leave. How much is missing is told from the residuals of the Ritz
    pairs by perturbation theory (Li and Li 2005), with the last of the spare pairs for all that was
    not found; a start at random, seeded, misses no direction.

    Args:
        matrix: Shape (m, m), symmetric, both triangles, positive semidefinite, float32 or float64.
        count: How many.
        tolerance: What may be missing, as a share of what is left out.

    Returns:
        The vectors, or None where the matrix is too small, too many are wanted, or rounding lets
        them not come that close: LAPACK is for that.
    """
    size = len(matrix)
    width = count + max(_FEWEST_SPARE, count // _SPARE)
    if size < SMALLEST or width > LARGEST_SHARE * size:
        return None
    return _Iteration(matrix, count, width, tolerance).run()


class _Iteration:
    """Rounds of filtering and of Ritz pairs; those that are near enough leave the matrix."""

    def __init__(self, matrix: np.ndarray, count: int, width: int, tolerance: float) -> None:
        self._matrix = matrix
        self._count = count
        self._tolerance = tolerance
        self._trace = float(np.trace(matrix, dtype=np.float64))
        generator = np.random.default_rng(0)
        self._span = _span(matrix, count, width, generator)
        self._block = generator.standard_normal((len(matrix), width), matrix.dtype.type)
        self._values = np.empty(0)
        self._vectors = np.empty((len(matrix), 0), matrix.dtype)
        self._missed = 0.0
        self._blur = len(matrix) * float(np.finfo(matrix.dtype).eps)

    def run(self) -> Optional[LeadingPairs]:
        gain = _FIRST_GAIN
        before = np.inf
        for _ in range(_ROUNDS):
            if not self._span.is_proper(self._blur):
                return None
            self._iterate(gain)
            left = self._count - len(self._values)
            values, self._block, residuals = _ritz(self._matrix, self._block, left)
            gaps = values[:left] - values[-1]
            missed = 2 * residuals**2 / (gaps + np.sqrt(gaps**2 + 4 * residuals**2) + _TINY)
            rest = self._trace - self._values.sum() - values[:left].sum()
            allowed, total = self._tolerance * rest, self._missed + missed.sum()
            if allowed <= 0:  # nothing is left but rounding
                return None
            if total <= allowed:
                return self._found(values[: left + 1], total)
            if not total <= before / 2:  # rounding, or the spectrum, forbids it
                return None
            before = total
            gain = 2 * sqrt(total / allowed)
            self._lock(values, missed, allowed / _ROUNDS)
        return None

    def _iterate(self, gain: float) -> None:
        """Filter and make orthogonal, until what is wanted has grown by so much."""
        degree, highest = self._span.degrees(gain, self._matrix.dtype)
        while degree > 0:
            block = _filtered(self._matrix, self._block, self._span, min(degree, highest))
            if len(self._values):
                block -= product(self._vectors, product(self._vectors.T, block))
            degree -= highest
            self._block = _orthonormal(block, passes=1 if degree > 0 else 2)

    def _lock(self, values: np.ndarray, missed: np.ndarray, most: float) -> None:
        """Take out the leading pairs that are near enough: they would drown what is left."""
        near = min(int((missed.cumsum() <= most).sum()), len(missed) - 1)
        if near:
            ready = self._block[:, :near]
            if not len(self._values):
                self._matrix = self._matrix.copy()  # the caller's may yet be wanted
            subtract_product(self._matrix, ready * values[:near].astype(ready.dtype), ready.T)
            self._values = np.append(self._values, values[:near])
            self._vectors = np.concatenate([self._vectors, ready], axis=1)
            self._missed += missed[:near].sum()
            self._block = self._block[:, near:]
        low = self._span.low if self._span.low < values[-1] else 0.0
        self._span = _Span(low, values[-1], values[len(missed) - 1], values[near])

    def _found(self, values: np.ndarray, missed: float) -> LeadingPairs:
        vectors = np.concatenate([self._vectors, self._block[:, : len(values) - 1]], axis=1)
        found = np.append(self._values, values)
        order = np.argsort(
            -found[:-1], kind="stable"
        )  # where some are equal, the taken may be less
        falling = np.append(found[order], min(found))
        return LeadingPairs(falling, vectors[:, order], float(missed))


class _Span(NamedTuple):
    """Where eigenvalues are: what lies from ``low`` to ``cut`` is damped, what is above grows."""

    low: float
    cut: float
    wanted: float
    top: float

    def is_proper(self, blur: float) -> bool:
        """Whether the wanted stand out from zero by more than rounding."""
        return self.top < np.inf and max(self.low, blur * self.top, _TINY) < self.cut

    def degrees(self, gain: float, dtype: np.dtype) -> Tuple[int, int]:
        """The degree that makes the wanted grow so much, and the highest of one filter.

        Between two filters the vectors are made orthogonal: what the largest grow beyond the wanted
        must leave these above rounding.
        """
        wanted, top = (
            acosh(max(self.scaled(value), 1 + 1e-6)) for value in (self.wanted, self.top)
        )
        most = log(0.1 / np.finfo(dtype).eps)
        highest = int(most / (top - wanted)) if top - wanted > most / _HIGHEST_DEGREE else None
        degree = min(ceil(acosh(max(gain, 2.0)) / wanted), _HIGHEST_DEGREE)
        return degree, max(1, highest or _HIGHEST_DEGREE)

    def scaled(self, value: float) -> float:
        return (2 * value - self.low - self.cut) / (self.cut - self.low)


def _span(matrix: np.ndarray, count: int, width: int, generator: np.random.Generator) -> _Span:
    """Estimate where eigenvalues are, from a few vectors' Lanczos processes (Lin et al. 2016)."""
    nodes, weights = _density(matrix, generator)
    above = (np.cumsum(weights) - weights / 2)[::-1] * len(matrix)
    above = len(matrix) - above
    logs = np.log(np.maximum(nodes, _TINY))[::-1]
    cut, wanted = np.exp(np.interp([width, count], above, logs))
    return _Span(max(0.8 * float(nodes[0]), 0.0), cut, wanted, 1.01 * float(nodes[-1]))


def _density(matrix: np.ndarray, generator: np.random.Generator) -> Tuple[np.ndarray, np.ndarray]:
    """Points, rising, and weights that stand for the distribution of the eigenvalues."""
    size = len(matrix)
    basis: np.ndarray = np.zeros((_PROBES, _STEPS + 1, size))
    basis[:, 0] = generator.standard_normal((size, _PROBES)).T
    basis[:, 0] /= np.linalg.norm(basis[:, 0], axis=1)[:, None]
    diagonals, beside = [], []
    for step in range(_STEPS):
        now, ready = basis[:, step], basis[:, : step + 1]
        image = product(matrix, now.T.astype(matrix.dtype, order="C")).T.astype(np.float64)
        diagonals.append(np.einsum("ij,ij->i", image, now))
        for _ in range(2):  # or rounding would let copies of the largest come up
            image -= (image[:, None] @ ready.transpose(0, 2, 1) @ ready)[:, 0]
        norms = np.linalg.norm(image, axis=1)
        beside.append(norms)
        np.divide(image, norms[:, None], out=basis[:, step + 1], where=norms[:, None] > 0)
    nodes, weights = [], []
    for probe in range(_PROBES):
        steps = np.diag([one[probe] for one in diagonals])
        lower = np.diag([one[probe] for one in beside[:-1]], -1)
        found, turned = np.linalg.eigh(steps + lower)
        nodes.append(found)
        weights.append(turned[0] ** 2)
    return np.mean(nodes, axis=0), np.mean(weights, axis=0)


def _filtered(matrix: np.ndarray, block: np.ndarray, span: _Span, degree: int) -> np.ndarray:
    """The Chebyshev polynomial of the matrix, times the block.

    As ``T_2n(x) = T_n(2 x^2 - 1)``, squaring the matrix halves the degree, which pays where the
    block is not narrow.
    """
    factor, shift = 2 / (span.cut - span.low), span.scaled(0.0)
    while degree >= 4 and degree * block.shape[1] > 1.3 * len(matrix):
        matrix = _chebyshev_of_second_degree(matrix, factor, shift)
        factor, shift, degree = 1.0, 0.0, ceil(degree / 2)
    before, now = block, product(matrix, block)
    now *= matrix.dtype.type(factor)
    if shift:
        now += matrix.dtype.type(shift) * block
    for _ in range(degree - 1):
        after = product(matrix, now)
        after *= matrix.dtype.type(2 * factor)
        after -= before
        if shift:
            after += matrix.dtype.type(2 * shift) * now
        before, now = now, after
    return now


def _chebyshev_of_second_degree(matrix: np.ndarray, factor: float, shift: float) -> np.ndarray:
    scaled = matrix * matrix.dtype.type(factor)
    scaled.flat[:: len(matrix) + 1] += matrix.dtype.type(shift)
    found = square(scaled)
    found *= 2
    found.flat[:: len(matrix) + 1] -= 1
    return found


def _orthonormal(block: np.ndarray, passes: int) -> np.ndarray:
    """An orthonormal basis of the columns: by Cholesky, or Householder if they are too near.

    The first is products, which threads share (Yamamoto et al. 2015). After two passes it is
    orthonormal to rounding; between filters one is enough.
    """
    for _ in range(passes):
        turned = _by_cholesky(block)
        if turned is None:
            from scipy.linalg import qr

            with single_blas():
                return qr(block, mode="economic", overwrite_a=True, check_finite=False)[0]
        block = turned
    return block


def _by_cholesky(block: np.ndarray) -> Optional[np.ndarray]:
    """The columns made orthogonal, but for rounding that small angles magnify; None if too much."""
    from scipy.linalg import get_lapack_funcs

    angles = gram(block.T, block.dtype.type).astype(np.float64)
    norms = np.sqrt(angles.diagonal())
    if not norms.all():
        return None
    angles /= norms
    angles /= norms[:, None]
    try:
        factor = np.linalg.cholesky(angles)
    except np.linalg.LinAlgError:
        return None
    if min(factor.diagonal()) < _NEAREST:
        return None
    (invert,) = get_lapack_funcs(("trtri",), (block,))
    inverse, _ = invert(factor.astype(block.dtype), lower=1)
    return product(block, np.ascontiguousarray((inverse / norms).T, block.dtype))


def _ritz(
    matrix: np.ndarray, block: np.ndarray, count: int
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ritz values, falling, their vectors, and the residuals of the first ``count``."""
    from scipy.linalg import eigh

    image = product(matrix, block)
    small = product(block.T, image)
    with single_blas():
        values, turn = eigh(small, driver="evd", overwrite_a=True, check_finite=False)
    values, turn = values[::-1].astype(np.float64), np.ascontiguousarray(turn[:, ::-1])
    block, image = product(block, turn), product(image, turn[:, :count])
    image -= block[:, :count] * values[:count].astype(block.dtype)
    residuals = np.sqrt(np.einsum("ij,ij->j", image, image, dtype=np.float64))
    return values, block, residuals
