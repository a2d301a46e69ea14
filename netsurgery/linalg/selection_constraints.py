"""What is asked of a choice of rows besides being good: how many, of which block, which surely."""

from __future__ import annotations

import math
from typing import List, Optional, Sequence

import numpy as np

Blocks = Optional[Sequence[Sequence[int]]]


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
    ) -> None:
        """Make as many places as `kept_number` says, the same number in each block.

        Args:
            size: How many rows there are.
            keep: How many places are wanted.
            blocks: The rows of each block; all blocks together hold each row once, and they are
                of equal length. The groups of a grouped convolution, for example.
            multiple: Of what the number of places is to be a multiple.
            locked: Rows that have a place before anything is chosen.

        Raises:
            ValueError: What is asked for cannot be had; it says why.
        """
        partition = _partition(size, blocks)
        number = kept_number(size, keep, len(partition), multiple)
        self.order: List[int] = []
        self.open = np.ones(size, bool)
        self._block = np.empty(size, int)
        self._block[partition] = np.arange(len(partition))[:, None]
        self._left = np.full(len(partition), number // len(partition))
        for row in sorted(set(locked)):
            if not 0 <= row < size:
                raise ValueError(f"row {row} is locked, but rows are numbered from 0 to {size - 1}")
            if not self.open[row]:
                raise ValueError(f"{number} rows are too few for the {len(set(locked))} locked")
            self.take(row)

    def take(self, row: int) -> None:
        """Give an open place to ``row``; the last one of its block closes the block."""
        block = self._block[row]
        self.order.append(int(row))
        self.open[row] = False
        self._left[block] -= 1
        if not self._left[block]:
            self.open[self._block == block] = False

    def fill(self, scores: np.ndarray) -> None:
        """Give the places that are left to the highest scores, of equal ones to the lowest row."""
        for row in np.argsort(-np.asarray(scores), kind="stable"):
            if self.open[row]:
                self.take(row)


def keep_best(
    scores: np.ndarray,
    keep: int,
    *,
    blocks: Blocks = None,
    multiple: int = 1,
    locked: Sequence[int] = (),
) -> np.ndarray:
    """The rows with the highest scores, rising; of equal scores the lowest row wins.

    Args:
        scores: Shape (d,), higher is better.
        keep: How many, from 1 to d; `kept_number` says what becomes of it.
        blocks: As in `Places`.
        multiple: As in `Places`.
        locked: As in `Places`.

    Raises:
        ValueError: A score is NaN, or what is asked for cannot be had.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError(f"scores must be one number a row, not NaN; shape {scores.shape}")
    places = Places(len(scores), keep, blocks=blocks, multiple=multiple, locked=locked)
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
