"""Chance: what every criterion has to beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsurgery.criteria.base import WEIGHTS, Criterion, View
from netsurgery.criteria.registry import CRITERIA
from netsurgery.linalg import random_ranking


@CRITERIA.register("random")
class Random(Criterion):
    """An order that depends on the seed and the group's name alone."""

    name: ClassVar[str] = "random"
    needs: ClassVar[str] = WEIGHTS
    source: ClassVar[str] = "a control"

    def scores(self, view: View) -> np.ndarray:
        """Return the channels' places in a random order."""
        seed = [view.seed, *view.group.name.encode("utf-8", "surrogateescape")]
        return random_ranking(view.group.channels, seed)
