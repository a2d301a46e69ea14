"""What evaluators of outputs have in common: running sums over both nets' batches."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np

from netsurgery.quality.kinds import OutputKind
from netsurgery.quality.limits import GOOD, Limits

Blobs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class MetricValue:
    """A figure of an output, beside its limits.

    Attributes:
        limits: What is measured, and up to where it is good.
        value: The figure.
        count: How many samples, places or detections it is a share of; 0 where it is no share.
    """

    limits: Limits
    value: float
    count: int = 0

    @property
    def verdict(self) -> str:
        """``"good"``, ``"degraded"`` or ``"lost"``."""
        scale = 100.0 if self.limits.unit == "points" else 1.0
        return self.limits.judge(self.value, scale / self.count if self.count else 0.0)

    def __str__(self) -> str:
        told = f"{self.limits.figure} {self.limits.told(self.value)} ({self.limits.words})"
        if self.verdict == GOOD or self.limits.judge(self.value) == self.verdict:
            return told
        return f"{told}, of {self.count} that count: one alone does not make it lost"

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as JSON takes it."""
        return {
            "figure": self.limits.figure,
            "value": self.value if math.isfinite(self.value) else None,
            "good": self.limits.good,
            "lost": self.limits.lost,
            "unit": self.limits.unit or None,
            "verdict": self.verdict,
        }


class Evaluator(ABC):
    """Judges an output of two nets.

    Attributes:
        name: The output.
        kind: What it is.
    """

    def __init__(self, name: str, kind: OutputKind) -> None:
        self.name, self.kind = name, kind

    def add(self, a: Blobs, b: Blobs, samples: int) -> None:
        """Take in a batch of the original and of the other net.

        Args:
            a: Outputs of the original.
            b: Those of the other net; one of another shape is left out.
            samples: How many samples they hold.
        """
        if a[self.name].shape == b[self.name].shape or self._any_length:
            with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is lost
                self._add(a, b, samples)

    _any_length = False

    @abstractmethod
    def _add(self, a: Blobs, b: Blobs, samples: int) -> None:
        """Take in a batch."""

    @property
    def silence(self) -> Optional[str]:
        """Why the original says nothing on these inputs; None where it says something."""
        return None

    @property
    def death(self) -> Optional[str]:
        """Why the output of the new net is worth nothing, whatever the figures; None if it is."""
        return None

    @abstractmethod
    def figures(self) -> List[MetricValue]:
        """Return the figures of all that was added."""

    def cautions(self) -> List[str]:
        """Return what makes figures doubtful, a line each."""
        return []


def per_sample(array: np.ndarray, samples: int) -> np.ndarray:
    """Return an output as float64 rows, one a sample, or one for all where they cannot be told."""
    rows = samples if array.ndim and array.shape[0] % samples == 0 else 1
    return np.nan_to_num(array.reshape(rows, -1).astype(np.float64))


def class_rows(array: np.ndarray, kind: OutputKind) -> np.ndarray:
    """Return scores as rows of one score for each class, in float64; NaN is the least."""
    whole = array.reshape(-1, *(kind.shape or array.shape[1:]))
    rows = np.moveaxis(whole, kind.axis, -1).reshape(-1, whole.shape[kind.axis])
    return np.nan_to_num(rows.astype(np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)


def share(part: float, whole: float) -> float:
    """Return a share of one; all of nothing is one."""
    return part / whole if whole else 1.0


Pair = Tuple[np.ndarray, np.ndarray]
