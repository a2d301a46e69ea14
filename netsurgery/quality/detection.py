"""Judges of detections: which of the original's are found again, and which are new."""

from __future__ import annotations

from typing import List, Optional

import numpy as np

from netsurgery.quality.evaluator import Blobs, Evaluator, MetricValue, class_rows
from netsurgery.quality.kinds import OutputKind
from netsurgery.quality.limits import GOOD, MATCHED, NEW
from netsurgery.quality.matching import SCORE, detections, match_detections

SURE = 0.5
"""The score from which on a detection counts: detectors list many that nobody asks for."""
AGAIN = SURE / 2
"""The score with which it must be found again: one that falls just below counts as there."""


class DetectionEvaluator(Evaluator):
    """Counts what the original finds, what of it is found again, and what is new."""

    _any_length = True

    def __init__(self, name: str, kind: OutputKind) -> None:
        super().__init__(name, kind)
        self._samples = self._found = self._again = self._new = 0

    def _add(self, a: Blobs, b: Blobs, samples: int) -> None:
        self._samples += samples
        if self.kind.shape is None:
            self._add_lists(detections(a[self.name]), detections(b[self.name]))
        elif a[self.name].shape == b[self.name].shape:
            self._add_scores(*(class_rows(one[self.name], self.kind) for one in (a, b)))

    def _add_lists(self, a: np.ndarray, b: np.ndarray) -> None:
        a, b = (one[np.isfinite(one).all(axis=1)] for one in (a, b))
        sure, other = a[a[:, SCORE] >= SURE], b[b[:, SCORE] >= AGAIN]
        matched, _ = match_detections(sure, other)
        self._found += len(sure)
        self._again += len(matched)
        sure, other = b[b[:, SCORE] >= SURE], a[a[:, SCORE] >= AGAIN]
        matched, _ = match_detections(sure, other)
        self._new += len(sure) - len(matched)

    def _add_scores(self, a: np.ndarray, b: np.ndarray) -> None:
        """Each row is a place; what is sure in it is its best class but the background."""
        if self.kind.background >= 0:
            a, b = (np.delete(one, self.kind.background, axis=1) for one in (a, b))
        for first, second, is_original in ((a, b, True), (b, a, False)):
            sure = first.max(axis=1) >= SURE
            best = first[sure].argmax(axis=1)
            there = int(np.count_nonzero(second[sure][np.arange(len(best)), best] >= AGAIN))
            if is_original:
                self._found, self._again = self._found + len(best), self._again + there
            else:
                self._new += len(best) - there

    @property
    def silence(self) -> Optional[str]:
        """The original finds nothing, and the other net hardly anything."""
        if self._found or self._of_new().verdict != GOOD:
            return None
        return f"the original finds nothing with a score of {SURE:g} or more on these inputs"

    def figures(self) -> List[MetricValue]:
        """Return which share is found again, and how many are new for each of them.

        Where the original finds nothing, what is new is counted for each input.
        """
        if not self._found:
            return [self._of_new()]
        return [MetricValue(MATCHED, self._again / self._found, self._found), self._of_new()]

    def _of_new(self) -> MetricValue:
        count = self._found or self._samples
        return MetricValue(NEW, self._new / count if count else 0.0, count)
