"""Norms of the weights that make a channel."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsurgery.criteria.base import WEIGHTS, Criterion, View
from netsurgery.criteria.registry import CRITERIA
from netsurgery.linalg import row_norms


@CRITERIA.register("l1")
class SumOfMagnitudes(Criterion):
    """Sum of the magnitudes of a channel's weights."""

    name: ClassVar[str] = "l1"
    needs: ClassVar[str] = WEIGHTS
    source: ClassVar[str] = "Li et al. 2017"

    def scores(self, view: View) -> np.ndarray:
        """Return the norm of each row of weights."""
        return row_norms(view.made(), 1)


@CRITERIA.register("l2")
class Length(Criterion):
    """Euclidean length of a channel's weights."""

    name: ClassVar[str] = "l2"
    needs: ClassVar[str] = WEIGHTS
    source: ClassVar[str] = "Molchanov et al. 2017 (weight)"

    def scores(self, view: View) -> np.ndarray:
        """Return the norm of each row of weights."""
        return row_norms(view.made(), 2)
