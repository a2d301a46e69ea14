"""Samples by their numbers, each made once where all of them fit into memory."""

from __future__ import annotations

from math import prod
from typing import Optional

import numpy as np

from netsurgery.calibration.inputs import Samples

KEPT_BYTES = 256e6
"""What samples may take to be kept once they were made."""


class HeldSamples:
    """Samples that are asked for again and again, in any order.

    What is an array already is not copied.

    Attributes:
        shape: (N, ...).
    """

    def __init__(self, samples: Samples, most_bytes: Optional[float] = None) -> None:
        """Take the samples; none is read yet.

        Args:
            samples: The samples.
            most_bytes: What all of them, as float32, may take to be kept; `KEPT_BYTES` if None.
        """
        most_bytes = KEPT_BYTES if most_bytes is None else most_bytes
        self.shape = tuple(samples.shape)
        self._samples = samples
        self._fits = not isinstance(samples, np.ndarray) and 4 * prod(self.shape) <= most_bytes
        self._kept = np.empty((0, *self.shape[1:]), np.float32)
        self._is_made = np.zeros(self.shape[0], bool)

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """Return the samples of some numbers as float32, shape (len(numbers), ...)."""
        if isinstance(self._samples, np.ndarray):
            return self._samples[numbers].astype(np.float32, copy=False)
        if not self._fits:
            return self._read(numbers)
        if not len(self._kept):
            self._kept = np.empty(self.shape, np.float32)
        missing = np.unique(numbers[~self._is_made[numbers]])
        if len(missing):
            self._kept[missing] = self._read(missing)
            self._is_made[missing] = True
        return self._kept[numbers]

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        parts = [np.asarray(self._samples[one : one + 1]) for one in numbers.tolist()]
        found = [np.empty((0, *self.shape[1:]), np.float32), *parts]
        return np.concatenate(found).astype(np.float32, copy=False)
