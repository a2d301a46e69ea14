"""What a channel holds on calibration inputs, where other layers read it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsurgery.criteria.base import ACTIVATIONS, Criterion, View
from netsurgery.criteria.registry import CRITERIA


@CRITERIA.register("activation")
class MeanActivation(Criterion):
    """Mean magnitude of the channel's activations."""

    name: ClassVar[str] = "activation"
    needs: ClassVar[str] = ACTIVATIONS
    source: ClassVar[str] = "Molchanov et al. 2017 (activation, mean)"

    def scores(self, view: View) -> np.ndarray:
        """Return the mean magnitude of each channel."""
        seen = view.seen()
        return seen.magnitude / seen.moments.count


@CRITERIA.register("activation-std")
class Spread(Criterion):
    """Standard deviation of the channel's activations."""

    name: ClassVar[str] = "activation-std"
    needs: ClassVar[str] = ACTIVATIONS
    source: ClassVar[str] = "Molchanov et al. 2017 (activation, standard deviation)"

    def scores(self, view: View) -> np.ndarray:
        """Return the standard deviation of each channel."""
        return np.sqrt(np.maximum(np.diagonal(view.seen().moments.covariance), 0.0))


@CRITERIA.register("zeros")
class ShareOfZeros(Criterion):
    """How seldom the channel's activations are zero (APoZ)."""

    name: ClassVar[str] = "zeros"
    needs: ClassVar[str] = ACTIVATIONS
    source: ClassVar[str] = "Hu et al. 2016 (APoZ)"

    def scores(self, view: View) -> np.ndarray:
        """Return one minus the share of zeros of each channel."""
        seen = view.seen()
        return 1.0 - seen.zeros / seen.moments.count
