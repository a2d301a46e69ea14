"""What is asked of a choice of rows besides being good: how many, of which block, which surely."""

from __future__ import annotations

import math
from typing import List, Optional, Sequence

import numpy as np

from netsurgery.linalg.parts import Parts

Blocks = Optional[Sequence[Sequence[int]]]
Sets = Optional[Sequence[Sequence[int]]]


def kept_number(size: int, keep: int, blocks: int = 1, multiple: int = 1) -> int:
    """How many of ``size`` rows to keep when ``keep`` are asked for and not every number will do.

    The number must divide by ``multiple`` and by ``blocks``. The nearest such number is taken,
    the larger one of two that are equally near, but never none and never more than there are.
    ``size`` itself always stands: to cut nothing breaks nothing. It is also the answer where no
    smaller number divides.

    Raises:
        ValueError: ``keep`` is not from 1 to ``size``, or ``multiple`` is not positive.
    """
    if not 1 <= keep <= size:
        raise ValueError(f"cannot keep {keep} of {size} rows")
    if multiple < 1:
        raise ValueError(f"a multiple of {multiple} is not possible, it must be 1 or more")
    step = math.lcm(blocks, multiple)
    if keep == size or step > size:
        return size
    nearest = (2 * keep + step) // (2 * step) * step
    return min(max(nearest, step), size // step * step)


class Places:
    """The places that a choice of rows has to give, and who took them so far.

    Attributes:
        order: The rows that have a place, in the order in which they took it; at first the
            locked ones, rising.
        open: Shape (size,), which rows may still take a place.
    """

    def __init__(
        self,
        size: int,
        keep: int,
        *,
        blocks: Blocks = None,
        multiple: int = 1,
        locked: Sequence[int] = (),
        parts: Sets = None,
    ) -> None:
        """Make as many places as `kept_number` says, the same number in each block.

        There are more where ``parts`` need more.

        Args:
            size: How many rows there are.
            keep: How many places are wanted.
            blocks: The rows of each block; all blocks together hold each row once, and they are
                of equal length. The groups of a grouped convolution, for example.
            multiple: Of what the number of places is to be a multiple.
            locked: Rows that have a place before anything is chosen.
            parts: Sets of rows of which each gets a place at least.

        Raises:
            ValueError: What is asked for cannot be had; it says why.
        """
        partition = _partition(size, blocks)
        self._parts = Parts(size, parts)
        self._block = np.empty(size, int)
        self._block[partition] = np.arange(len(partition))[:, None]
        first = sorted(set(locked))
        for row in first:
            if not 0 <= row < size:
                raise ValueError(f"row {row} is locked, but rows are numbered from 0 to {size - 1}")
        number = kept_number(size, keep, len(partition), multiple)
        step = math.lcm(len(partition), multiple)
        while number < size and not self._suffices(number // len(partition), first):
            number = number + step if number + step <= size else size
        self.order: List[int] = []
        self._taken = np.zeros(size, bool)
        self._left = np.full(len(partition), number // len(partition))
        for row in first:
            if not self._left[self._block[row]]:
                raise ValueError(f"{number} rows are too few for the {len(first)} locked")
            self._give(row)
        self.open = self._parts.allowed(self._taken, self._left, self._block)

    def take(self, row: int) -> None:
        """Give an open place to ``row``; the last one of its block closes the block."""
        self._give(row)
        if len(self._parts):
            self.open = self._parts.allowed(self._taken, self._left, self._block)
            return
        self.open[row] = False
        if not self._left[self._block[row]]:
            self.open[self._block == self._block[row]] = False

    def fill(self, scores: np.ndarray) -> None:
        """Give the places that are left to the highest scores, of equal ones to the lowest row."""
        ranked = np.argsort(-np.asarray(scores), kind="stable")
        # A row that could not go first may, once another has served two parts at once.
        while self.open.any():
            for row in ranked:
                if self.open[row]:
                    self.take(row)

    def _give(self, row: int) -> None:
        self.order.append(int(row))
        self._taken[row] = True
        self._left[self._block[row]] -= 1

    def _suffices(self, each: int, locked: Sequence[int]) -> bool:
        """Whether so many places in each block hold what is locked and a row of each part."""
        taken = np.isin(np.arange(len(self._block)), locked)
        left = np.full(int(self._block.max()) + 1, each)
        np.subtract.at(left, self._block[list(locked)], 1)
        return bool((left < 0).any()) or self._parts.fit(taken, left, self._block)


def keep_best(
    scores: np.ndarray,
    keep: int,
    *,
    blocks: Blocks = None,
    multiple: int = 1,
    locked: Sequence[int] = (),
    parts: Sets = None,
) -> np.ndarray:
    """The rows with the highest scores, rising; of equal scores the lowest row wins.

    Args:
        scores: Shape (d,), higher is better.
        keep: How many, from 1 to d; `kept_number` says what becomes of it.
        blocks: As in `Places`.
        multiple: As in `Places`.
        locked: As in `Places`.
        parts: As in `Places`.

    Raises:
        ValueError: A score is NaN, or what is asked for cannot be had.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError(f"scores must be one number a row, not NaN; shape {scores.shape}")
    places = Places(len(scores), keep, blocks=blocks, multiple=multiple, locked=locked, parts=parts)
    places.fill(scores)
    return np.sort(places.order)


def _partition(size: int, blocks: Blocks) -> np.ndarray:
    """The blocks as an array of shape (blocks, rows of each), once they are known to be fit."""
    if blocks is None:
        return np.arange(size)[None]
    lengths = {len(block) for block in blocks}
    if len(lengths) != 1:
        raise ValueError(f"blocks must be of equal length, not of {sorted(lengths)}")
    partition = np.array([list(block) for block in blocks], int)
    if not np.array_equal(np.sort(partition, axis=None), np.arange(size)):
        raise ValueError(f"blocks must hold each of the {size} rows once")
    return partition
