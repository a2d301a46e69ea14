"""How far a channel's weights are from all others: those in the middle can be replaced."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsurgery.criteria.base import WEIGHTS, Criterion, View
from netsurgery.criteria.registry import CRITERIA
from netsurgery.linalg import geometric_median_distance


@CRITERIA.register("geometric-median")
class GeometricMedian(Criterion):
    """Sum of the distances of a channel's weights to those of the others."""

    name: ClassVar[str] = "geometric-median"
    needs: ClassVar[str] = WEIGHTS
    source: ClassVar[str] = "He et al. 2019 (FPGM)"

    def scores(self, view: View) -> np.ndarray:
        """Return the sum of distances of each row."""
        return geometric_median_distance(view.made())
