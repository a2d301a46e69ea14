"""Take inputs of a least-squares problem away, one block after the other, the cheapest first.

Optimal brain surgery (Hassibi and Stork 1993) on blocks, as Kurtic et al. 2023 (ZipLM) cut heads
and neurons: when a block of inputs goes, the weights of all others change so that the outputs
suffer least, and by how much they suffer is known in advance. Dead and dependent inputs cost
nothing and go first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.linalg.parts import Parts
from netsurgery.linalg.selection_constraints import Blocks, Sets


class Reader(NamedTuple):
    """Outputs that are computed from the inputs: ``y = weights @ x``.

    Attributes:
        weights: Shape (n, d).
        gram: Mean of ``x x^T`` or the covariance, shape (d, d), positive definite: with a ridge.
        entries: For each block of inputs the entries of x that go with it, shape (blocks, s); a
            row of -1 for a block that this reader does not read.
        scale: What the squared error is divided by.
    """

    weights: np.ndarray
    gram: np.ndarray
    entries: np.ndarray
    scale: float


@dataclass(frozen=True, eq=False)
class Elimination:
    """The order in which blocks go.

    Attributes:
        order: Blocks, the first to go first.
        losses: By how much the squared error grew with each, in units of the readers' scales.
    """

    order: np.ndarray
    losses: np.ndarray


POOL = 64
"""How many of the cheapest blocks are looked at closely before the others are updated."""

SMALL, KEPT = 256, 0.75
"""An inverse of more entries than these is cut down to those of the blocks that are left, whenever
that is less than this share of it."""


def eliminate(
    readers: Sequence[Reader],
    count: int,
    *,
    locked: Sequence[int] = (),
    blocks: Blocks = None,
    parts: Sets = None,
) -> Elimination:
    """Take away one block after the other, until one is left of each set that must be even.

    Of many blocks a pool of the cheapest goes first, exactly one by one; what the others cost is
    known as it was before, and the pool waits as soon as it is no cheaper than they were.

    Args:
        readers: Everything that reads the inputs.
        count: Number of blocks of inputs.
        locked: Those that stay.
        blocks: Sets of them that must keep as many each; they lose one in turn.
        parts: Sets of them of which one at least stays each.

    Raises:
        ValueError: A Gram matrix is singular.
    """
    states = [_State.of(reader) for reader in readers]
    kept = Parts(count, parts)
    of_set = _sets(count, blocks)
    alive, free = np.ones(count, bool), np.ones(count, bool)
    free[list(locked)] = False
    order: List[int] = []
    losses: List[float] = []
    while True:
        left = np.bincount(of_set[alive])
        most_left = int(np.max(left))
        may_go = alive & free & ~kept.last(alive)
        candidates = np.flatnonzero(may_go & (left == most_left)[of_set])
        if most_left <= 1 or not len(candidates):
            return Elimination(np.array(order, int), np.array(losses))
        costs = _costs(states, candidates)
        ranked = np.argsort(costs, kind="stable")
        most = min(POOL, len(candidates) // 8, most_left - 1) if blocks is None else 1
        pool = candidates[ranked[: max(most, 1)]]
        limit = costs[ranked[len(pool)]] if len(pool) < len(candidates) else np.inf
        gone, lost = _from_pool(states, pool, limit, kept, alive)
        alive[gone] = False
        for state in states:
            state.remove(gone)
            state.shrink(alive)
        order += gone
        losses += lost


def _sets(count: int, blocks: Blocks) -> np.ndarray:
    """The number of the set that each block of inputs belongs to."""
    of_set = np.zeros(count, int)
    for number, block in enumerate(blocks or ()):
        of_set[list(block)] = number
    return of_set


def _costs(states: Sequence[_State], blocks: np.ndarray) -> np.ndarray:
    return sum((state.costs(blocks) for state in states), np.zeros(len(blocks)))


def _from_pool(
    states: Sequence[_State], pool: np.ndarray, limit: float, kept: Parts, alive: np.ndarray
) -> Tuple[List[int], List[float]]:
    """Those of the pool that go before what costs ``limit``, at least one; and what each costs."""
    parts, alive = [state.part(pool) for state in states], alive.copy()
    waiting = list(range(len(pool)))
    gone: List[int] = []
    lost: List[float] = []
    while waiting:
        costs = _costs(parts, np.array(waiting))
        best = int(np.argmin(costs))
        if gone and costs[best] > limit:
            break
        chosen = waiting.pop(best)
        lost.append(max(float(costs[best]), 0.0))
        gone.append(int(pool[chosen]))
        for part in parts:
            part.remove([chosen])
        alive[gone[-1]] = False
        last = kept.last(alive)
        waiting = [one for one in waiting if not last[pool[one]]]
    return gone, lost


class _State:
    """A reader with the inverse of its Gram matrix, as blocks go."""

    def __init__(
        self, inverse: np.ndarray, weights: np.ndarray, entries: np.ndarray, scale: float
    ) -> None:
        self._inverse, self._weights = inverse, weights
        self._entries, self._scale = entries, scale

    @classmethod
    def of(cls, reader: Reader) -> _State:
        """The state before any block goes."""
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        try:
            factor = cho_factor(np.asarray(reader.gram, np.float64), lower=True)
        except LinAlgError as singular:
            raise ValueError("the Gram matrix is singular; add a ridge") from singular
        inverse = cho_solve(factor, np.eye(len(reader.gram)))
        return cls(inverse, np.array(reader.weights, np.float64), reader.entries, reader.scale)

    def part(self, blocks: np.ndarray) -> _State:
        """The same for some blocks only, which are counted anew."""
        entries = self._entries[blocks]
        kept = entries[entries >= 0]
        renumbered = np.full(entries.shape, -1)
        renumbered[entries >= 0] = np.arange(len(kept))
        own = self._inverse[np.ix_(kept, kept)]
        return _State(own, self._weights[:, kept], renumbered, self._scale)

    def shrink(self, alive: np.ndarray) -> None:
        """Leave out entries that no block left holds, once they are many: nobody asks for them.

        What a block costs, and what it does to others, are products of their own entries.
        """
        held = self._entries[alive]
        kept = np.sort(held[held >= 0])
        if len(self._inverse) <= SMALL or len(kept) >= KEPT * len(self._inverse):
            return
        numbers = np.full(len(self._inverse) + 1, -1)  # of -1 it is -1
        numbers[kept] = np.arange(len(kept))
        self._entries = numbers[self._entries]
        self._inverse = self._inverse[np.ix_(kept, kept)]
        self._weights = self._weights[:, kept]

    def costs(self, blocks: np.ndarray) -> np.ndarray:
        """By how much the squared error grows when a block goes, for each of ``blocks``."""
        read = self._entries[blocks, 0] >= 0
        found = np.zeros(len(blocks))
        entries = self._entries[blocks[read]]
        weights = self._weights[:, entries]
        if entries.shape[1] == 1:
            own = np.diagonal(self._inverse)[entries[:, 0]]
            found[read] = (weights[:, :, 0] ** 2).sum(axis=0) / own
        elif len(entries):
            blockwise = self._inverse[entries[:, :, None], entries[:, None, :]]
            weights = weights.transpose(1, 2, 0)  # (blocks, s, n)
            found[read] = np.einsum("bsn,bsn->b", weights, np.linalg.solve(blockwise, weights))
        return found / self._scale

    def remove(self, blocks: Sequence[int]) -> None:
        """Take blocks away, and let the others stand in for them."""
        entries = self._entries[list(blocks)]
        gone = entries[entries >= 0]
        if not len(gone):
            return
        columns = self._inverse[:, gone]
        solved = np.linalg.solve(columns[gone], columns.T)
        self._weights -= self._weights[:, gone] @ solved
        self._inverse -= columns @ solved
        # So that what is gone stays solvable; it is never asked for again.
        self._inverse[gone] = self._inverse[:, gone] = 0.0
        self._inverse[gone, gone] = 1.0
