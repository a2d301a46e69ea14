"""Greedy choices of channels from which the others can be put together."""

from __future__ import annotations

from typing import ClassVar, Optional

import numpy as np

from netsurgery.criteria.base import Criterion, View
from netsurgery.errors import PlanError
from netsurgery.linalg import Selection, select


class GreedySelection(Criterion):
    """Base of the criteria that take one channel after the other, given those before.

    Attributes:
        score: The score of `linalg.selection.select` by which the next one is taken.
    """

    score: ClassVar[str]

    def gram(self, view: View) -> np.ndarray:
        """Return the Gram matrix to choose on, shape (channels, channels)."""
        raise NotImplementedError

    def consumer(self, view: View) -> Optional[np.ndarray]:
        """Return the Gram matrix of what reads the channels, or None to weigh all alike."""
        return None

    def scores(self, view: View) -> np.ndarray:
        """Return the more, the sooner a channel is taken."""
        order = self._select(view, view.group.channels, 1).order
        scores = np.empty(len(order))
        scores[order] = np.arange(len(order), 0, -1)
        return scores

    def choose(self, view: View, keep: int, multiple: int = 1) -> np.ndarray:
        """Return the channels to keep; what must stay is taken first."""
        return self._select(view, keep, multiple).indices

    def _select(self, view: View, keep: int, multiple: int) -> Selection:
        try:
            return select(
                self.gram(view),
                keep,
                self.score,
                consumer=self.consumer(view),
                blocks=view.blocks,
                multiple=multiple,
                locked=list(view.group.pinned),
                parts=view.group.parts,
            )
        except ValueError as error:
            raise PlanError(str(error), layer=view.group.name) from None
