"""Choose the rows of a matrix from which the others can best be put together.

Simultaneous orthogonal matching pursuit (Tropp, Gilbert and Strauss 2006), as Lu et al. 2017 use
it to thin networks, and its kin. All of them need of a d x n matrix only its Gram matrix G. To
take row i and project it out of all others is one step of a pivoted Cholesky factorisation,
``E -= v v^T`` with ``v = E[:, i] / sqrt(E_ii)``, where E, at first G, is the Gram matrix of what
the chosen rows do not explain. A step costs d^2, and no least squares are solved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List, Optional, Sequence

import numpy as np

from netsurgery.linalg.selection_constraints import Blocks, Places, Sets
from netsurgery.linalg.spectrum import NOISE

FLOOR = 1e-6
"""A row whose squared norm has fallen to this share is explained by the rows chosen: what is
left, a thousandth of its length, is as likely rounding or chance as anything of its own."""

TIE = 1e-10
"""Scores that differ by less than this share are equal: rounding must not choose."""

CHUNK = 1 << 13
"""How many values are worked on at a time. Of more, OpenBLAS makes work for several threads, and
those wait for each other at every step: on a busy machine a hundred times longer than they work."""

SMALL, KEPT = 256, 0.75
"""Matrices of more rows than these are cut down to what is not chosen yet, whenever that is no more
than this share of them. Smaller ones save less by BLAS than scipy takes to be imported."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Rows chosen by `select`.

    Attributes:
        indices: The rows, rising.
        order: The same in the order in which they were taken, locked ones first.
        residual: Shape (number of rows + 1,). The squared Frobenius norm of what the first 0, 1
            and so on of ``order`` leave unexplained, in the consumer's outputs if one was given.
            A row of ``filled`` counts as explaining itself only.
        filled: Those rows of ``order`` that were taken though they are dead or depend on the
            rows before: locked ones, and those needed to make up the number asked for.
    """

    indices: np.ndarray
    order: np.ndarray
    residual: np.ndarray
    filled: np.ndarray


def select(
    gram: np.ndarray,
    keep: int,
    score: str = "greedy",
    *,
    consumer: Optional[np.ndarray] = None,
    blocks: Blocks = None,
    multiple: int = 1,
    locked: Sequence[int] = (),
    parts: Sets = None,
    floor: float = FLOOR,
) -> Selection:
    """Choose rows one after the other, each the best given those before.

    With E the Gram matrix of what is unexplained so far, row i scores

    * ``"l1"``: ``sum_j |E_ji| / sqrt(G_ii)``, SOMP with the score of Lu et al. 2017;
    * ``"l2"``: ``sum_j E_ji^2 / G_ii``, SOMP with the 2-norm (Tropp, Gilbert and Strauss 2006);
    * ``"greedy"``: ``sum_j E_ji^2 / E_ii``, by which the squared error falls when i is taken;
    * ``"pivot"``: ``E_ii``, QR with column pivoting (Businger and Golub 1965), and so the
      interpolative decomposition.

    Of equal scores the lowest row wins. Dead rows, and rows that the chosen ones explain, wait
    until no others are left; then those with the largest norms make up the number. To choose the
    same rows of several matrices, add their Gram matrices.

    Args:
        gram: G, shape (d, d), symmetric and positive semi-definite, both triangles filled.
        keep: How many rows, from 1 to d; `selection_constraints.kept_number` says what becomes
            of it under ``blocks`` and ``multiple``.
        score: One of `SCORES`.
        consumer: ``V V^T``, shape (d, d), where V (d x m) holds what a next layer multiplies
            each row with. What counts is then the error of that layer's outputs, and ``greedy``
            is ``sum_jk E_ji M_jk E_ki / E_ii``. For this score only.
        blocks: Rows of each block, all of which keep the same number; see `Places`.
        multiple: Of what the number of rows is to be a multiple.
        locked: Rows that are taken before all others.
        parts: Sets of rows of which one at least is taken each; see `Places`.
        floor: The share of ``G_ii`` at or below which what is left of a row counts as nothing.

    Raises:
        ValueError: ``gram`` or ``consumer`` is not such a matrix, or the rest cannot be had.
    """
    if score not in SCORES:
        raise ValueError(f"score {score!r} is not one of {', '.join(SCORES)}")
    if consumer is not None and score != "greedy":
        raise ValueError(f"score {score!r} takes no consumer, only 'greedy' does")
    gram = _symmetric(gram)
    consumer = consumer if consumer is None else _symmetric(consumer)
    if consumer is not None and consumer.shape != gram.shape:
        raise ValueError(f"a consumer of shape {consumer.shape} does not fit {gram.shape}")
    places = Places(len(gram), keep, blocks=blocks, multiple=multiple, locked=locked, parts=parts)
    rest = _Unexplained(gram, consumer, floor)
    _pursue(places, rest, SCORES[score])
    return Selection(
        indices=np.sort(places.order),
        order=np.array(places.order),
        residual=np.array(rest.residual),
        filled=np.array(rest.unused, int),
    )


def _pursue(
    places: Places, rest: _Unexplained, score: Callable[[_Unexplained], np.ndarray]
) -> None:
    for row in places.order:
        rest.remove(row)
    while (candidates := places.open & rest.live).any():
        scores = np.zeros(len(candidates))
        scores[rest.rows] = score(rest)
        row = _highest(scores, candidates)
        places.take(row)
        rest.remove(row)
    done = len(places.order)
    places.fill(rest.start)
    for row in places.order[done:]:
        rest.remove(row)


class _Unexplained:
    """What the rows chosen so far leave of the others.

    Attributes:
        rows: The rows that the matrices hold, rising; others are chosen.
        gram: E, a row and a column for each of ``rows``, zero for those of them that are chosen.
        weighted: E M where there is a consumer M, else E itself.
        start: The diagonal of G, shape (d,).
        live: Shape (d,), which rows have something of their own left.
        residual: The squared norm of it all, at first and after each row.
        unused: Chosen rows that had nothing of their own left.
    """

    def __init__(self, gram: np.ndarray, consumer: Optional[np.ndarray], floor: float) -> None:
        self.rows = np.arange(len(gram))
        self.gram = np.array(gram, order="C")
        self.consumer = consumer
        self.weighted = self.gram if consumer is None else gram @ consumer
        self.start = np.diagonal(gram).copy()
        # Beside the largest row, one this small is lost in the noise of float32.
        self.least = np.maximum(floor * self.start, NOISE**2 * self.start.max())
        self.unused: List[int] = []
        self.live = self.start > self.least
        self.residual = [self._norm()]
        self._there = np.ones(len(gram), bool)
        self._subtract = _subtract_large if len(gram) > SMALL else _subtract_small

    @property
    def own(self) -> np.ndarray:
        """The squared norm of what is left of each of ``rows``."""
        return np.diagonal(self.gram)

    def remove(self, row: int) -> None:
        """Project ``row`` out of all rows, or only drop it where there is nothing to project."""
        place = int(np.searchsorted(self.rows, row))
        if self.live[row]:
            vector = self.gram[place] / np.sqrt(self.gram[place, place])
            self._project(vector)
        else:
            self.unused.append(row)
            self._forget(place)
        # Exactly, so that rounding is not left behind.
        self.gram[place] = self.gram[:, place] = self.weighted[place] = 0.0
        self.live[self.rows] = self.own > self.least[self.rows]
        self.residual.append(self._norm())
        self._there[row] = False
        left = np.count_nonzero(self._there)
        if len(self.rows) > SMALL and left < KEPT * len(self.rows):
            self._shrink()

    def _shrink(self) -> None:
        """Leave out what is chosen: a step costs the square of the rows that are held."""
        left = self._there[self.rows]
        square = np.ix_(left, left)
        alone = self.weighted is self.gram
        self.gram = self.gram[square]
        self.weighted = self.gram if alone else self.weighted[square]
        self.consumer = None if self.consumer is None else self.consumer[square]
        self.rows = self.rows[left]

    def _project(self, vector: np.ndarray) -> None:
        self._subtract(self.gram, vector, vector)
        if self.consumer is not None:
            self._subtract(self.weighted, vector, np.einsum("ij,j->i", self.consumer, vector))

    def _forget(self, place: int) -> None:
        if self.consumer is not None:
            self._subtract(self.weighted, self.gram[place].copy(), self.consumer[place])

    def _norm(self) -> float:
        return max(float(np.trace(self.weighted)), 0.0)


def _l1(rest: _Unexplained) -> np.ndarray:
    sums = [np.abs(rest.gram[rows]).sum(axis=1) for rows in _chunks(rest.gram)]
    return _ratio(np.concatenate(sums), np.sqrt(rest.start[rest.rows]), rest)


def _l2(rest: _Unexplained) -> np.ndarray:
    return _ratio(_falls(rest), rest.start[rest.rows], rest)


def _greedy(rest: _Unexplained) -> np.ndarray:
    return _ratio(_falls(rest), rest.own, rest)


def _pivot(rest: _Unexplained) -> np.ndarray:
    return rest.own


SCORES: Dict[str, Callable[[_Unexplained], np.ndarray]] = {
    "l1": _l1,
    "l2": _l2,
    "greedy": _greedy,
    "pivot": _pivot,
}


def _falls(rest: _Unexplained) -> np.ndarray:
    return np.einsum("ij,ij->i", rest.gram, rest.weighted)


def _ratio(above: np.ndarray, below: np.ndarray, rest: _Unexplained) -> np.ndarray:
    live = rest.live[rest.rows]
    return np.divide(above, below, out=np.zeros_like(above), where=live)


def _subtract_small(matrix: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """``matrix -= left right^T`` in place."""
    matrix -= np.multiply.outer(left, right)


def _subtract_large(matrix: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """The same of a large one: BLAS makes no product to be subtracted."""
    from scipy.linalg.blas import dger

    for rows in _chunks(matrix):
        dger(-1.0, right, left[rows], a=matrix[rows].T, overwrite_a=1)


def _chunks(matrix: np.ndarray) -> Iterator[slice]:
    count = max(1, CHUNK // matrix.shape[1])
    return (slice(start, start + count) for start in range(0, len(matrix), count))


def _highest(scores: np.ndarray, candidates: np.ndarray) -> int:
    # Where a consumer sees no error any more, rounding may go below zero.
    scores = np.where(candidates, np.maximum(scores, 0.0), -1.0)
    return int(np.argmax(scores >= scores.max() * (1 - TIE)))


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    matrix = np.asarray(matrix, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"a Gram matrix is square, not of shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("the Gram matrix holds NaN or Inf")
    if np.abs(matrix - matrix.T).max() > NOISE * np.abs(matrix).max():
        raise ValueError("the Gram matrix is not symmetric")
    return matrix
