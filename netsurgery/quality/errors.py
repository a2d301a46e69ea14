"""Judges of numbers: errors of each sample, so that a large sample does not drown a small one."""

from __future__ import annotations

from typing import List, Optional

import numpy as np

from netsurgery.quality.evaluator import Blobs, Evaluator, MetricValue, class_rows, per_sample
from netsurgery.quality.kinds import OutputKind
from netsurgery.quality.limits import (
    COSINE,
    EMBEDDINGS,
    ERROR,
    GOOD,
    PROBABILITIES,
    PSNR,
    UNEXPLAINED,
)

# Variances of fewer samples are luck.
_ENOUGH = 8
# What stands for the size of a sample whose probabilities are all nearly 0, in the mean square.
_FAINT = 0.1
# Nothing that ends in 8 bits tells more apart.
_MOST_DECIBEL = 100.0
# The largest share of an output's size that it varies by where it is the same for all inputs.
_STILL = 1e-5


class ErrorEvaluator(Evaluator):
    """The mean of each sample's relative error, and how much of what varies is not explained.

    Of probabilities, a sample that is 0 nearly everywhere counts as a faint one.
    """

    def __init__(self, name: str, kind: OutputKind) -> None:
        super().__init__(name, kind)
        self._errors: List[float] = []
        self._sums: List[np.ndarray] = [np.zeros(0)] * 4  # of a, a^2, b, b^2
        self._squares = 0.0
        self._rows = 0

    def _add(self, a: Blobs, b: Blobs, samples: int) -> None:
        first, second = (per_sample(one[self.name], samples) for one in (a, b))
        apart = np.linalg.norm(first - second, axis=1)
        size = np.linalg.norm(first, axis=1)
        if self.kind.name == PROBABILITIES:
            size = np.maximum(size, _FAINT * np.sqrt(first.shape[1]))
        self._add_errors(apart, size, first, second)
        self._squares += float((apart**2).sum())
        self._rows += len(first)
        sums = [first.sum(0), (first**2).sum(0), second.sum(0), (second**2).sum(0)]
        if self._sums[0].size in (0, sums[0].size):
            self._sums = [old + new if old.size else new for old, new in zip(self._sums, sums)]

    def _add_errors(
        self, apart: np.ndarray, size: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> None:
        """Take in one error of each sample; nothing of one where both nets give zeros."""
        some = (size > 0) | (apart > 0)
        ratio = np.divide(apart, size, out=np.ones_like(apart), where=size > 0)
        self._errors += np.minimum(ratio, 1.0)[some].tolist()

    @property
    def silence(self) -> Optional[str]:
        """All values are zero."""
        return None if self._errors else "all values of both nets are 0 on these inputs"

    def figures(self) -> List[MetricValue]:
        """Return the mean error, and what is not explained."""
        error = MetricValue(ERROR, float(np.mean(self._errors)))
        return [error, *self._unexplained(error)]

    def _unexplained(self, error: MetricValue) -> List[MetricValue]:
        """What a constant would do as well; where errors are small, inputs may be all alike."""
        few = self._rows < _ENOUGH or self.kind.name == PROBABILITIES
        if few or error.verdict == GOOD:
            return []
        variation = self._variation(0)
        if variation <= (_STILL**2) * float(self._sums[1].sum()):
            return []
        return [MetricValue(UNEXPLAINED, self._squares / variation)]

    def _variation(self, which: int) -> float:
        """The sum of squares around the mean over the samples; of the original or the other."""
        total, squares = self._sums[2 * which : 2 * which + 2]
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.maximum(squares - total**2 / max(self._rows, 1), 0).sum())

    def _is_still(self, which: int) -> bool:
        """Whether one of the nets gives the same for all inputs."""
        size = float(self._sums[2 * which + 1].sum())
        return self._rows > 1 and self._variation(which) <= (_STILL**2) * size

    @property
    def death(self) -> Optional[str]:
        """It is the same for all inputs, and was not."""
        if self._is_still(1) and not self._is_still(0):
            return "it is the same for all inputs in the new net: it is dead"
        return None

    def cautions(self) -> List[str]:
        """Return whether the inputs make no difference."""
        if not self._is_still(0):
            return []
        return [f"{self.name!r} of the original is the same for all inputs: they say little"]


class EmbeddingEvaluator(ErrorEvaluator):
    """The mean cosine of the angles between vectors."""

    def _add_errors(
        self, apart: np.ndarray, size: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> None:
        norms = size * np.linalg.norm(second, axis=1)
        dots = (first * second).sum(axis=1)
        cosines = np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)
        self._errors += cosines[size > 0].tolist()

    def figures(self) -> List[MetricValue]:
        """Return the mean cosine, and what is not explained."""
        cosine = MetricValue(COSINE, float(np.mean(self._errors)))
        return [cosine, *self._unexplained(cosine)]


class PictureEvaluator(ErrorEvaluator):
    """The mean over samples of the peak signal to noise; the peak is the original's range."""

    def __init__(self, name: str, kind: OutputKind) -> None:
        super().__init__(name, kind)
        self._low, self._high = np.inf, -np.inf

    def _add_errors(
        self, apart: np.ndarray, size: np.ndarray, first: np.ndarray, second: np.ndarray
    ) -> None:
        self._errors += (apart**2 / first.shape[1]).tolist()
        self._low, self._high = min(self._low, first.min()), max(self._high, first.max())

    @property
    def silence(self) -> Optional[str]:
        """All pixels are of one value."""
        if self._errors and self._high > self._low:
            return None
        return "all pixels of the original are the same on these inputs"

    def figures(self) -> List[MetricValue]:
        """Return the mean PSNR, in dB."""
        least = 10 ** (-_MOST_DECIBEL / 10)
        squares = np.maximum(np.array(self._errors) / (self._high - self._low) ** 2, least)
        return [MetricValue(PSNR, float(np.mean(-10 * np.log10(squares))))]


class BoxEvaluator(ErrorEvaluator):
    """Errors of boxes and landmarks, of those alone where the original sees something."""

    def __init__(
        self, name: str, kind: OutputKind, scores: str, of_scores: OutputKind, least: float
    ) -> None:
        """Start with nothing.

        Args:
            name: The output.
            kind: What it is.
            scores: The output that holds the scores.
            of_scores: What that is.
            least: The score from which on something is there.
        """
        super().__init__(name, kind)
        self._scores, self._of_scores, self._least = scores, of_scores, least

    def _add(self, a: Blobs, b: Blobs, samples: int) -> None:
        scores = class_rows(a[self._scores], self._of_scores)
        if self._of_scores.background >= 0:
            scores = np.delete(scores, self._of_scores.background, axis=1)
        seen = scores.max(axis=1) >= self._least
        first, second = (class_rows(one[self.name], self.kind)[seen] for one in (a, b))
        apart, size = np.linalg.norm(first - second, axis=1), np.linalg.norm(first, axis=1)
        self._add_errors(apart, size, first, second)

    @property
    def silence(self) -> Optional[str]:
        """Nothing is there whose box it could be."""
        if self._errors:
            return None
        return f"the original sees nothing with a score of {self._least:g} or more"

    def _is_still(self, which: int) -> bool:
        return False


def error_evaluator(name: str, kind: OutputKind) -> ErrorEvaluator:
    """Return the judge of an output of numbers."""
    return {EMBEDDINGS: EmbeddingEvaluator}.get(kind.name, ErrorEvaluator)(name, kind)
