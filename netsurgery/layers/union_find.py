"""Sets of numbers that can be joined."""

from __future__ import annotations

from typing import List

import numpy as np
from numpy.typing import ArrayLike


class UnionFind:
    """The numbers from 0 on, in sets; each is alone at first (Galler and Fischer, 1964)."""

    def __init__(self, count: int = 0) -> None:
        self._parents: List[int] = list(range(count))

    def __len__(self) -> int:
        return len(self._parents)

    def make(self, count: int) -> np.ndarray:
        """Add ``count`` numbers and return them."""
        start = len(self._parents)
        self._parents.extend(range(start, start + count))
        return np.arange(start, start + count)

    def join(self, first: ArrayLike, second: ArrayLike) -> None:
        """Join the sets of each number of ``first`` and of ``second`` that stand together."""
        ones, others = (part.ravel() for part in np.broadcast_arrays(first, second))
        # One number a pair: far faster to sort than pairs.
        pairs = np.unique(ones[ones != others] * len(self) + others[ones != others])
        for one, other in zip(*(part.tolist() for part in divmod(pairs, max(len(self), 1)))):
            low, high = sorted((self._root(one), self._root(other)))
            self._parents[high] = low

    def roots(self) -> np.ndarray:
        """The smallest number of the set of each number."""
        found: List[int] = []
        for number, parent in enumerate(self._parents):  # which is smaller, or the number itself
            found.append(number if parent == number else found[parent])
        return np.array(found, dtype=np.int64)

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number
