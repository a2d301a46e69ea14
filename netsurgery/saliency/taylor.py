"""What the loss would do without a weight, to first order."""

from __future__ import annotations

from typing import ClassVar, Dict

import numpy as np

from netsurgery.calibration import mean_weight_gradients
from netsurgery.criteria import GRADIENTS
from netsurgery.network import ParameterKey
from netsurgery.saliency.base import PrunableNet, Saliency
from netsurgery.saliency.registry import SALIENCIES


@SALIENCIES.register("taylor")
class WeightTaylor(Saliency):
    """Mean over examples of the magnitude of weight times gradient."""

    name: ClassVar[str] = "taylor"
    needs: ClassVar[str] = GRADIENTS
    source: ClassVar[str] = "Molchanov et al. 2017 (Taylor expansion), on single weights"

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return how far the loss of an example would move, in its units."""
        found = mean_weight_gradients(net.require_calibrator(), net.model, net.keys, 1)
        return {key: np.abs(net.weights(key)) * found[key] for key in net.keys}
