"""Matching pursuit on what the channels hold, as the layers that read them see it."""

from __future__ import annotations

from typing import ClassVar, Optional

import numpy as np

from netsurgery.criteria.base import ACTIVATIONS, View
from netsurgery.criteria.greedy_selection import GreedySelection
from netsurgery.criteria.registry import CRITERIA
from netsurgery.linalg import gram_of


class OnActivations(GreedySelection):
    """Base of the pursuits that put activations together from those of other channels."""

    needs: ClassVar[str] = ACTIVATIONS

    def gram(self, view: View) -> np.ndarray:
        """Return the mean products of all pairs of channels."""
        return view.seen().moments.second


@CRITERIA.register("somp-activations")
class SompActivations(OnActivations):
    """The channel that lowers the squared error of all channels most."""

    name: ClassVar[str] = "somp-activations"
    score: ClassVar[str] = "greedy"
    source: ClassVar[str] = "Tropp et al. 2006, on activations"


@CRITERIA.register("interpolative-activations")
class InterpolativeActivations(OnActivations):
    """The channel with the most of its own."""

    name: ClassVar[str] = "interpolative-activations"
    score: ClassVar[str] = "pivot"
    source: ClassVar[str] = "Chee et al. 2022"


@CRITERIA.register("consumer")
class ConsumerAware(OnActivations):
    """The channel that lowers the squared error of the next layers' outputs most."""

    name: ClassVar[str] = "consumer"
    score: ClassVar[str] = "greedy"
    source: ClassVar[str] = "Tropp et al. 2006, weighted by the weights that read each channel"

    def consumer(self, view: View) -> Optional[np.ndarray]:
        """Return the products of all pairs of the weights that read the channels."""
        return gram_of(view.read(dtype=None))
