"""What the loss would do without a weight, to second order."""

from __future__ import annotations

from typing import ClassVar, Dict

import numpy as np

from netsurgery.calibration import mean_weight_gradients
from netsurgery.criteria import GRADIENTS
from netsurgery.network import ParameterKey
from netsurgery.saliency.base import PrunableNet, Saliency
from netsurgery.saliency.registry import SALIENCIES


@SALIENCIES.register("obd")
class OptimalBrainDamage(Saliency):
    """Half the weight's square times the second derivative of the loss, in a net that is trained.

    The second derivative is that of the Gauss-Newton matrix, which for class scores is the Fisher
    information: the mean square of the gradient, where classes are drawn from the net's own
    probabilities. It needs no labels.
    """

    name: ClassVar[str] = "obd"
    needs: ClassVar[str] = GRADIENTS
    source: ClassVar[str] = "LeCun et al. 1990 (optimal brain damage)"

    def scores(self, net: PrunableNet) -> Dict[ParameterKey, np.ndarray]:
        """Return by how much the mean loss would rise, as the diagonal alone tells."""
        calibrator = net.require_calibrator()
        found = mean_weight_gradients(calibrator, net.model, net.keys, 2, drawn=True)
        return {
            key: 0.5 * net.weights(key).astype(np.float64) ** 2 * found[key] for key in net.keys
        }
