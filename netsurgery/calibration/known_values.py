"""What models made of inputs, remembered where both come again."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field
from typing import Dict, Hashable, List, Optional, Tuple

import numpy as np

from netsurgery.calibration.inputs import Batch
from netsurgery.network import Model

KNOWN_BYTES = 128e6
"""What all values that are remembered may take: some windows of every layer of a large net."""


@dataclass
class _Made:
    """What one model made.

    Attributes:
        model: The model, as long as somebody else holds it.
        runs: How often it was to be run.
        batches: The batches by their ids, which stand in ``values``.
        values: By the id of the batch and by what was looked at.
    """

    model: weakref.ref[Model]
    runs: int = 0
    batches: Dict[int, Batch] = field(default_factory=dict)
    values: Dict[Tuple[int, Hashable], np.ndarray] = field(default_factory=dict)


class KnownValues:
    """Values of models that run again and again beside others, as the original of fits does.

    A model counts from its second run on: one that is changed after each run is never asked about
    again. What would go beyond the limit is not taken: all that is known is asked for in turn, so
    that whatever made way for it would be missed first.

    Attributes:
        most_bytes: What all values may take.
    """

    def __init__(self, most_bytes: float = KNOWN_BYTES) -> None:
        self.most_bytes = most_bytes
        self._made: List[_Made] = []
        self._lock = threading.Lock()  # calibrators in several threads may share it

    def expect(self, model: Model) -> None:
        """Take note that a model is about to be run."""
        with self._lock:
            self._made = [made for made in self._made if made.model() is not None]
            made = self._of(model)
            if made is None:
                made = _Made(weakref.ref(model))
                self._made.append(made)
            made.runs += 1

    def find(self, model: Model, batch: Batch, what: Hashable) -> Optional[np.ndarray]:
        """Return what a model made of a batch, or None where that is not known.

        Args:
            model: The model.
            batch: What it was fed.
            what: Which value, by which engine, at which positions.
        """
        made = self._of(model)
        return None if made is None else made.values.get((id(batch), what))

    def keep(self, model: Model, batch: Batch, what: Hashable, array: np.ndarray) -> None:
        """Remember what a model made of a batch, if both come again and it fits."""
        made = self._of(model)
        if made is None or made.runs < 2 or not batch.comes_again:
            return
        with self._lock:
            if self._bytes() + array.nbytes <= self.most_bytes:
                made.batches[id(batch)] = batch
                made.values[id(batch), what] = array

    def _of(self, model: Model) -> Optional[_Made]:
        return next((made for made in self._made if made.model() is model), None)

    def _bytes(self) -> int:
        return sum(array.nbytes for made in self._made for array in made.values.values())
