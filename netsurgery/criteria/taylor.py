"""What the loss would do without a channel, to first order."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from netsurgery.calibration import GradientObserver
from netsurgery.criteria.base import GRADIENTS, Criterion, View
from netsurgery.criteria.registry import CRITERIA


class OnGradients(Criterion):
    """Base of the criteria that look at activations and at the gradients of the loss."""

    needs: ClassVar[str] = GRADIENTS

    def gradients(self, view: View) -> GradientObserver:
        """Return what is known of the first-order changes of the loss.

        Raises:
            PlanError: There are no inputs, or the net has nothing to compute a loss from.
            EngineError: There is no real Caffe.
        """
        calibrator = view.require_calibrator()
        return calibrator.gradients(view.model, [view.group])[view.group.name]


@CRITERIA.register("taylor")
class Taylor(OnGradients):
    """Mean over examples of the magnitude of activation times gradient, a mean over places.

    Compare channels of several layers by `normalise.l2_normalised`, as the paper does.
    """

    name: ClassVar[str] = "taylor"
    source: ClassVar[str] = "Molchanov et al. 2017 (Taylor expansion)"

    def scores(self, view: View) -> np.ndarray:
        """Return the mean magnitude of the first-order change of each channel."""
        observer = self.gradients(view)
        return observer.magnitude / observer.count


@CRITERIA.register("taylor-sum")
class SummedTaylor(OnGradients):
    """Mean over examples of the magnitude of activation times gradient, summed over places.

    It estimates how far the loss of an example moves, in the units of the loss, whatever the layer:
    no normalisation is needed to compare layers.
    """

    name: ClassVar[str] = "taylor-sum"
    source: ClassVar[str] = "Molchanov et al. 2017, without the mean over places"

    def scores(self, view: View) -> np.ndarray:
        """Return the mean magnitude of the first-order change of the loss."""
        observer = self.gradients(view)
        return observer.total / observer.count


@CRITERIA.register("taylor2019")
class SquaredTaylor(OnGradients):
    """Mean over examples of the square of activation times gradient, a sum over places."""

    name: ClassVar[str] = "taylor2019"
    source: ClassVar[str] = "Molchanov et al. 2019 (first order, at gates)"

    def scores(self, view: View) -> np.ndarray:
        """Return the mean square of the first-order change of each channel."""
        observer = self.gradients(view)
        return observer.squared / observer.count
