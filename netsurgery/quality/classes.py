"""Judges of answers that are classes: one for a sample, or one for each place."""

from __future__ import annotations

from typing import List, Optional, Tuple

import numpy as np

from netsurgery.quality.evaluator import Blobs, Evaluator, MetricValue, class_rows, share
from netsurgery.quality.kinds import OutputKind
from netsurgery.quality.limits import ACCURACY, AGREEMENT, OVERLAP, PIXELS, SEGMENTATION

# From so many samples on it is odd that all of them are told to be of one class.
_ENOUGH = 8
# A probability this near 1 leaves nothing of float32 for the others.
_SATURATED = 1e-6
_CHANCES = 1.5
# Up to where probabilities add up to 1, in float16 too.
_SUMS = 1e-2


class ClassEvaluator(Evaluator):
    """Compares the best class of samples or places; classes may come as scores or numbers."""

    def __init__(self, name: str, kind: OutputKind, labelled: bool = False) -> None:
        """Start with nothing.

        Args:
            name: The output.
            kind: What it is.
            labelled: Whether there are labels, so that accuracy tells more than agreement.
        """
        super().__init__(name, kind)
        self._labelled = labelled
        self._rows = self._agreeing = self._saturated = self._scored = 0
        self._seen: np.ndarray = np.zeros((3, 0), np.int64)  # in the original, in both, in either
        self._accuracy: Optional[Tuple[float, float, int]] = None

    def set_accuracy(self, before: float, after: float, count: int) -> None:
        """Take in the shares of labels that both nets got right, and their number."""
        self._accuracy = (before, after, count)

    def _add(self, a: Blobs, b: Blobs, samples: int) -> None:
        first, second = (self._best(one[self.name]) for one in (a, b))
        self._rows += len(first)
        self._agreeing += int(np.count_nonzero(first == second))
        count = int(max(first.max(initial=0), second.max(initial=0))) + 1
        first_of, second_of, both = (
            np.bincount(one, minlength=count) for one in (first, second, first[first == second])
        )
        grown = np.zeros((3, max(count, self._seen.shape[1])), np.int64)
        grown[:, : self._seen.shape[1]] = self._seen
        grown[:, :count] += [first_of, both, first_of + second_of - both]
        self._seen = grown
        rows: np.ndarray = np.zeros((0, 1))
        if not self.kind.indices:
            rows = class_rows(a[self.name], self.kind)
        if len(rows) and rows.min() >= 0 and np.allclose(rows.sum(axis=1), 1, atol=_SUMS):
            self._scored += len(rows)
            self._saturated += int(np.count_nonzero(rows.max(axis=1) > 1 - _SATURATED))

    def _best(self, array: np.ndarray) -> np.ndarray:
        if self.kind.indices:
            return np.nan_to_num(array).astype(np.int64).clip(0).ravel()
        found: np.ndarray = class_rows(array, self.kind).argmax(axis=1)
        return found

    @property
    def silence(self) -> Optional[str]:
        """Nothing was compared."""
        return None if self._rows else "there is nothing to compare"

    def figures(self) -> List[MetricValue]:
        """Return the points of accuracy that were lost, or the share of rows that agree."""
        if self._accuracy is not None:
            before, after, count = self._accuracy
            return [MetricValue(ACCURACY, 100 * (before - after), count)]
        agreement = share(self._agreeing, self._rows)
        if self.kind.name != SEGMENTATION:
            return [MetricValue(AGREEMENT, agreement, self._rows)]
        in_original, in_both, in_either = self._seen[:, self._seen[0] > 0]
        overlap = float((in_both / in_either).mean()) if in_original.size else 1.0
        return [MetricValue(PIXELS, agreement, self._rows), MetricValue(OVERLAP, overlap)]

    def cautions(self) -> List[str]:
        """Return signs of inputs that were not prepared as those the net was trained on."""
        found = []
        classes = int(np.count_nonzero(self._seen[0]))
        if self._rows >= _ENOUGH and classes == 1:
            found.append(
                f"the original finds the same class in all {self._rows} rows of {self.name!r}: "
                "the inputs are all alike, or not prepared as those it was trained on"
            )
        if self._scored and self._saturated == self._scored and self._rows >= _ENOUGH:
            found.append(
                f"all probabilities in {self.name!r} of the original are 0 or 1: its activations "
                "saturate; the inputs are most likely not prepared as those it was trained on "
                "(scale, mean)"
            )
        return found + self._chance()

    def _chance(self) -> List[str]:
        if self._accuracy is None or self.kind.shape is None:
            return []
        before, _, count = self._accuracy
        chance = 1 / self.kind.shape[self.kind.axis - 1]
        if count < _ENOUGH or before >= min(_CHANCES * chance, 1.0):
            return []
        return [
            f"the original gets {100 * before:.4g}% of the labels of {self.name!r} right, about "
            f"as many as by chance: labels or preprocessing are not those of this net"
        ]
