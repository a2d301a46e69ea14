"""Sets of rows of which one at least must stay each: the parts into which a Slice divides them."""

from __future__ import annotations

from typing import Iterable, List, Optional, Sequence, Set, Tuple

import numpy as np


def smallest_sets(sets: Iterable[Iterable[int]]) -> Tuple[Tuple[int, ...], ...]:
    """Return the sets that hold no other one, rising: where these keep a row, so do the others."""
    ordered = sorted({tuple(sorted(set(one))) for one in sets}, key=lambda one: (len(one), one))
    found: List[Set[int]] = []
    for one in ordered:
        if not any(smaller.issubset(one) for smaller in found):
            found.append(set(one))
    return tuple(sorted(tuple(sorted(one)) for one in found))


class Parts:
    """Some sets of rows, of which each must keep one row."""

    def __init__(self, size: int, sets: Optional[Iterable[Sequence[int]]] = None) -> None:
        """Take the sets.

        Args:
            size: How many rows there are.
            sets: The rows of each set; they may overlap.

        Raises:
            ValueError: A set is empty, or holds what is no row.
        """
        found = [np.asarray(list(one), int) for one in sets or ()]
        if any(not len(one) or one.min() < 0 or one.max() >= size for one in found):
            raise ValueError(f"a part holds rows from 0 to {size - 1}, one at least")
        self._holds = np.zeros((len(found), size), bool)
        for number, one in enumerate(found):
            self._holds[number, one] = True

    def __len__(self) -> int:
        return len(self._holds)

    def last(self, staying: np.ndarray) -> np.ndarray:
        """Return which rows are the only one left of a set, shape (size,), bool.

        Args:
            staying: Which rows are left, shape (size,), bool.
        """
        alone = self._holds[(self._holds & staying).sum(axis=1) == 1]
        return alone.any(axis=0) & staying

    def fit(self, taken: np.ndarray, left: np.ndarray, block: np.ndarray) -> bool:
        """Whether there are places enough for a row of every set that has none yet.

        Args:
            taken: Which rows have a place, shape (size,), bool.
            left: How many places are left in each block, shape (blocks,).
            block: The block of each row, shape (size,).
        """
        return _seated(self._waiting(taken), left, block)

    def allowed(self, taken: np.ndarray, left: np.ndarray, block: np.ndarray) -> np.ndarray:
        """Return which rows may take the next place, so that every set gets one; as for `fit`."""
        waiting = self._waiting(taken)
        rows = np.flatnonzero(~taken & (left > 0)[block])
        found = np.zeros(len(taken), bool)
        roomy = not len(waiting) or (left[left > 0] > len(waiting)).all()
        # Sets that overlap may be more than there are rows: all rows have a place then.
        if roomy or not _seated(waiting, left, block):
            found[rows] = True
            return found
        # What a row does depends on its block and the sets that hold it alone.
        keys = np.vstack([block[rows], waiting[:, rows]])
        kinds, kind = np.unique(keys, axis=1, return_inverse=True)
        fine = [self._fits_after(one, waiting, left, block) for one in kinds.T]
        found[rows] = np.array(fine, bool)[kind.ravel()]
        return found

    def _waiting(self, taken: np.ndarray) -> np.ndarray:
        """The rows of each set that has no place, shape (sets, size)."""
        return self._holds[~(self._holds & taken).any(axis=1)]

    def _fits_after(
        self, kind: np.ndarray, waiting: np.ndarray, left: np.ndarray, block: np.ndarray
    ) -> bool:
        after = left.copy()
        after[int(kind[0])] -= 1
        return _seated(waiting[~kind[1:].astype(bool)], after, block)


def _seated(waiting: np.ndarray, left: np.ndarray, block: np.ndarray) -> bool:
    """Whether each set gets a place in a block where it has rows (Kuhn's augmenting paths)."""
    blocks = [np.unique(block[one]).tolist() for one in waiting]
    seats: List[List[int]] = [[] for _ in left]

    def seat(number: int, tried: Set[int]) -> bool:
        for place in blocks[number]:
            if place in tried:
                continue
            tried.add(place)
            if len(seats[place]) < left[place]:
                seats[place].append(number)
                return True
            for turn, other in enumerate(seats[place]):
                if seat(other, tried):
                    seats[place][turn] = number
                    return True
        return False

    return all(seat(number, set()) for number in range(len(waiting)))
