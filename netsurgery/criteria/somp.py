"""Simultaneous orthogonal matching pursuit on the rows of the weight matrix."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsurgery.criteria.base import WEIGHTS, View
from netsurgery.criteria.greedy_selection import GreedySelection
from netsurgery.criteria.registry import CRITERIA
from netsurgery.linalg import gram_of


class OnWeights(GreedySelection):
    """Base of the pursuits that put rows of weights together from other rows."""

    needs: ClassVar[str] = WEIGHTS

    def gram(self, view: View) -> np.ndarray:
        """Return the products of all pairs of rows."""
        return gram_of(view.made(dtype=None))


@CRITERIA.register("somp-l1")
class SompL1(OnWeights):
    """SOMP with the sum of magnitudes as score, as Lu et al. start thin networks."""

    name: ClassVar[str] = "somp-l1"
    score: ClassVar[str] = "l1"
    source: ClassVar[str] = "Lu et al. 2017; Tropp et al. 2006"


@CRITERIA.register("somp-l2")
class SompL2(OnWeights):
    """SOMP with the sum of squares as score."""

    name: ClassVar[str] = "somp-l2"
    score: ClassVar[str] = "l2"
    source: ClassVar[str] = "Tropp et al. 2006"


@CRITERIA.register("somp")
class Somp(OnWeights):
    """The row that lowers the squared error most, exactly."""

    name: ClassVar[str] = "somp"
    score: ClassVar[str] = "greedy"
    source: ClassVar[str] = "order-recursive matching pursuit; Tropp et al. 2006"


@CRITERIA.register("interpolative")
class Interpolative(OnWeights):
    """The row with the most of its own: QR with pivoting, the interpolative decomposition."""

    name: ClassVar[str] = "interpolative"
    score: ClassVar[str] = "pivot"
    source: ClassVar[str] = "Businger and Golub 1965; Chee et al. 2022"
