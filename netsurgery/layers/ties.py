"""What propagation learns about labels: which go together, which must stay, and why."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

import numpy as np
from numpy.typing import ArrayLike

from netsurgery.layers.union_find import UnionFind


class LabelRange(NamedTuple):
    """The labels from ``start`` to ``stop`` are the channels that ``name`` makes."""

    name: str
    start: int
    stop: int


class Ties:
    """Labels of channels, and everything that keeps one from being cut alone.

    Attributes:
        origins: Who made which labels, in the order of the network.
        pins: Labels that must stay, with the reason.
        approximations: Labels whose removal changes others, with the reason.
        balances: Matrices of labels; every row must keep the same number.
    """

    def __init__(self) -> None:
        self._sets = UnionFind()
        self.origins: List[LabelRange] = []
        self.pins: List[Tuple[np.ndarray, str]] = []
        self.approximations: List[Tuple[np.ndarray, str]] = []
        self.balances: List[np.ndarray] = []

    def make(self, name: str, count: int) -> np.ndarray:
        """Return fresh labels for the channels that a layer or an input makes."""
        labels = self._sets.make(count)
        self.origins.append(LabelRange(name, int(labels[0]), int(labels[-1]) + 1))
        return labels

    def fixed(self, reason: str) -> int:
        """Return a fresh label for numbers that are no channels and must stay."""
        (label,) = self._sets.make(1)
        self.pin(label, reason)
        return int(label)

    def tie(self, first: ArrayLike, second: ArrayLike) -> None:
        """Make one decision of each pair of labels that stand together."""
        self._sets.join(first, second)

    def pin(self, labels: ArrayLike, reason: str) -> None:
        """Keep these labels whatever is chosen."""
        self.pins.append((np.unique(labels), reason))

    def approximate(self, labels: ArrayLike, reason: str) -> None:
        """Note that what is left changes a little when one of these goes."""
        self.approximations.append((np.unique(labels), reason))

    def balance(self, rows: np.ndarray) -> None:
        """Demand that every row of this matrix of labels keeps the same number."""
        self.balances.append(rows)

    def decisions(self) -> np.ndarray:
        """For each label, the smallest label that goes with it."""
        return self._sets.roots()
