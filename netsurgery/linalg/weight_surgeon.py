"""Optimal brain surgery on single weights: what each costs, and how the others make up for it.

Outputs ``y = W x`` are to change little, by their mean square over inputs x with the second moment
``H = E[x x^T]`` (Dong et al. 2017). All rows of W share H, and each is a problem of its own. When
weight q of a row w goes, the least that can be lost is ``w_q^2 / (H^-1)_qq``; the rest of the row
then moves by ``-w_q (H^-1)_q / (H^-1)_qq``, and H^-1 loses q (Hassibi and Stork 1993).
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import Dict, List, NamedTuple, Tuple

import numpy as np

from netsurgery.linalg.blocks import parts
from netsurgery.linalg.threads import in_parallel

PANEL = 32
"""Weights that go of each row before the inverses are brought up to date, in one product."""

STACK = 32e6
"""Bytes of the inverses of the rows that are worked on together."""

_ROUNDING = 1e-14
"""Share of an entry of an inverse's diagonal that rounding may leave of it, never less."""

STEPS, SETTLED = 100, 1e-3
"""Most steps of `WeightSurgeon.approach`, and the share of the loss below which one is the last. On
the first layer of LeNet-300-100, a tenth of its weights left, 10 steps come within 1 % of the
optimum; a sweep over columns (Frantar and Alistarh 2023, SparseGPT) loses twice as much."""

ROWS_AT_ONCE = 512
"""Rows that take their steps together."""


class Removal(NamedTuple):
    """Weights in the order in which they go, row by row.

    Attributes:
        order: Their columns, int64 (n, d).
        losses: By how much the squared error of the row's output grows with each, float64 (n, d).
    """

    order: np.ndarray
    losses: np.ndarray


class WeightSurgeon:
    """Second moments of what some weights multiply, and what they say of these.

    Attributes:
        gram: Mean of ``x x^T``, float64 (d, d).
    """

    def __init__(self, gram: np.ndarray, ridge: float = 0.0) -> None:
        """Take the moments.

        Args:
            gram: Mean of ``x x^T``, shape (d, d), symmetric.
            ridge: What is added to its diagonal, as a share of the mean of that; of nothing but
                zeros 1 is added, so that all is lost in equal parts.

        Raises:
            ValueError: It is no such matrix, or holds NaN or Inf.
        """
        gram = np.array(gram, np.float64)
        if gram.ndim != 2 or len(gram) != len(gram.T) or not gram.size:
            raise ValueError(f"second moments of shape {gram.shape}")
        if not np.isfinite(gram).all():
            raise ValueError("second moments hold NaN or Inf")
        mean = float(np.trace(gram)) / len(gram)
        gram[np.diag_indices_from(gram)] += ridge * mean if mean > 0 else 1.0
        self.gram = gram

    @cached_property
    def inverse(self) -> np.ndarray:
        """H^-1, exactly symmetric.

        Raises:
            ValueError: H is singular.
        """
        from scipy.linalg import lapack

        factor, failed = lapack.dpotrf(self.gram, lower=True)
        lower, singular = (factor, failed) if failed else lapack.dpotri(factor, lower=True)
        if singular:
            raise ValueError("second moments are singular; a ridge mends that")
        lower = np.tril(lower)
        return lower + np.tril(lower, -1).T

    def costs(self, weights: np.ndarray, block: int) -> np.ndarray:
        """Return what each weight costs when it goes in its turn, never less than those before it.

        So whatever a threshold takes of a row is what went first. In blocks of columns each is
        taken away by itself, as if all other columns stayed and were fitted: in about
        ``2/3 n d block^2`` operations. A block that is not narrower than the rows is
        `removal_order`.

        Args:
            weights: Shape (n, d).
            block: Columns of a block.

        Returns:
            float64 (n, d).

        Raises:
            ValueError: H is singular.
        """
        weights = np.asarray(weights, np.float64)
        costs = np.empty_like(weights)
        for columns in parts(weights.shape[1], block):
            own = self.inverse[columns, columns]
            order, losses = removal_order(weights[:, columns], own)
            np.put_along_axis(costs[:, columns], order, _rising(losses), axis=1)
        return costs

    def solve(self, weights: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return the rows that give nearest to the same outputs with some weights zero: exact.

        Rows with the same mask are solved together; of what is free and what is not, the smaller
        part makes the system.

        Args:
            weights: Shape (n, d).
            free: Shape (n, d), False for what is to be zero.

        Returns:
            float64 (n, d).

        Raises:
            ValueError: H is singular.
        """
        weights = np.asarray(weights, np.float64)
        groups = _alike(free)
        if any(2 * free[rows[0]].sum() > free.shape[1] for rows in groups):
            _ = self.inverse  # before threads ask for it
        solved = in_parallel(
            lambda rows: self._solved(weights[rows], free[rows[0]]), groups, self.work(free)
        )
        found = np.zeros_like(weights)
        for rows, own in zip(groups, solved):
            found[rows] = own
        return found

    @staticmethod
    def work(free: np.ndarray) -> float:
        """Return about how many operations `solve` takes.

        Args:
            free: Shape (n, d).
        """
        counts = np.array([np.count_nonzero(free[rows[0]]) for rows in _alike(free)], np.float64)
        fewer = np.minimum(counts, free.shape[1] - counts)
        return float((fewer**3).sum() / 3 + len(free) * (fewer**2).max(initial=0.0))

    def approach(self, weights: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return rows as `solve` does, but for a share `SETTLED` of what they lose at a step.

        Conjugate gradients on all rows at once, from the weights that stay as they are: each step
        takes ``2 n d^2`` operations, whatever the masks, and loses less than the one before.

        Args:
            weights: Shape (n, d).
            free: Shape (n, d), False for what is to be zero.

        Returns:
            float64 (n, d).
        """
        weights = np.asarray(weights, np.float64)
        rows = list(parts(len(weights), ROWS_AT_ONCE))
        work = 2.0 * STEPS * len(weights) * weights.shape[1] ** 2
        found = in_parallel(lambda own: self._approached(weights[own], free[own]), rows, work)
        return np.concatenate(found)

    def error(self, change: np.ndarray) -> float:
        """Return by how much outputs move, squared and summed, when weights do.

        Args:
            change: Of the weights, shape (n, d).
        """
        change = np.asarray(change, np.float64)
        return float(np.einsum("nd,nd->", change @ self.gram, change))

    def _approached(self, weights: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Some rows, by conjugate gradients; the diagonal is the preconditioner."""
        found = np.where(free, weights, 0.0)
        scale = 1 / np.diagonal(self.gram)
        left = ((weights - found) @ self.gram) * free
        loss = self.error(found - weights)
        way = left * scale
        slope = np.einsum("nd,nd->n", left, way)
        for _ in range(STEPS):
            bent = (way @ self.gram) * free
            curve = np.einsum("nd,nd->n", way, bent)
            length = np.divide(slope, curve, out=np.zeros_like(slope), where=curve > 0)
            found += length[:, None] * way
            left -= length[:, None] * bent
            gain = float(length @ slope)
            loss -= gain
            if gain <= SETTLED * loss:
                break
            steep = np.einsum("nd,nd,d->n", left, left, scale)
            turn = np.divide(steep, slope, out=np.zeros_like(slope), where=slope > 0)
            way, slope = left * scale + turn[:, None] * way, steep
        return found

    def _solved(self, weights: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Rows of one mask: the optimum, from the smaller of two systems."""
        from scipy.linalg import cho_factor, cho_solve

        (stay,), (gone,) = free.nonzero(), (~free).nonzero()
        found = np.where(free, weights, 0.0)
        if not len(gone) or not len(stay):
            return found
        try:
            if len(stay) <= len(gone):
                factor = cho_factor(self.gram[np.ix_(stay, stay)], lower=True, overwrite_a=True)
                moved = self.gram[np.ix_(stay, gone)] @ weights[:, gone].T
                found[:, stay] += cho_solve(factor, moved).T
            else:
                factor = cho_factor(self.inverse[np.ix_(gone, gone)], lower=True, overwrite_a=True)
                moved = cho_solve(factor, weights[:, gone].T)
                found[:, stay] -= (self.inverse[np.ix_(stay, gone)] @ moved).T
        except np.linalg.LinAlgError as singular:
            raise ValueError("second moments are singular; a ridge mends that") from singular
        return found


def _alike(free: np.ndarray) -> List[List[int]]:
    """The rows of each mask."""
    found: Dict[bytes, List[int]] = {}
    for row, packed in enumerate(np.packbits(free, axis=1)):
        found.setdefault(packed.tobytes(), []).append(row)
    return list(found.values())


def _rising(losses: np.ndarray) -> np.ndarray:
    """Losses that rise strictly along each row, each at least as large as it was."""
    found = np.maximum(losses, 0.0)
    for at in range(1, found.shape[1]):
        np.maximum(found[:, at], np.nextafter(found[:, at - 1], np.inf), out=found[:, at])
    return found


def removal_order(weights: np.ndarray, inverse: np.ndarray) -> Removal:
    """Take the weights of each row away, the cheapest first, the rest fitted anew each time.

    Exact at every step (Frantar et al. 2022, ExactOBS), in about ``2/3 n d^3`` operations. Rows are
    stacked, and stacks are items.

    Args:
        weights: Shape (n, d), float64.
        inverse: The inverse of H, shape (d, d).
    """
    count, width = weights.shape
    stack = max(1, int(STACK / (8 * width**2)))
    rows = list(parts(count, stack))
    work = 2 / 3 * count * float(width) ** 3
    found = in_parallel(partial(_remove_all, weights, inverse), rows, work)
    order, losses = zip(*found)
    return Removal(np.concatenate(order), np.concatenate(losses))


def _remove_all(
    weights: np.ndarray, inverse: np.ndarray, rows: slice
) -> Tuple[np.ndarray, np.ndarray]:
    """What `removal_order` says of some rows: an elimination with pivots, a panel after the other.

    Within a panel only the pivots' own columns of the inverses are worked out. Behind it, all that
    the panel took off the inverses is taken off in one product, and what has gone is cut out.
    """
    left = weights[rows].copy()
    count, width = left.shape
    each = np.arange(count)
    columns = np.tile(np.arange(width), (count, 1))
    inverses = np.tile(inverse, (count, 1, 1))
    order, losses = np.empty((count, width), np.int64), np.empty((count, width))
    for start in range(0, width, PANEL):
        size = min(PANEL, width - start)
        panel = np.empty((count, size, width - start))
        alive = np.ones_like(left, bool)
        diagonal = np.einsum("rii->ri", inverses).copy()
        least = _ROUNDING * diagonal
        for step in range(size):
            costs = np.where(alive, left**2 / diagonal, np.inf)
            pivot = np.argmin(costs, axis=1)
            order[:, start + step] = columns[each, pivot]
            losses[:, start + step] = costs[each, pivot]
            column = inverses[each, pivot]
            if step:
                known = panel[each, :step, pivot]
                column -= (known[:, None] @ panel[:, :step])[:, 0]
            root = np.sqrt(diagonal[each, pivot])
            column /= root[:, None]
            left -= column * (left[each, pivot] / root)[:, None]
            diagonal = np.maximum(diagonal - column**2, least)
            panel[:, step] = column
            alive[each, pivot] = False
        stay = np.argsort(~alive, axis=1, kind="stable")[:, : width - start - size]
        gone = np.take_along_axis(panel, stay[:, None], axis=2)
        inverses = inverses[each[:, None, None], stay[:, :, None], stay[:, None]]
        inverses -= np.swapaxes(gone, 1, 2) @ gone
        left, columns = (np.take_along_axis(one, stay, axis=1) for one in (left, columns))
    return order, losses
