"""Whether every number is above another."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ThresholdLayer(NeuronLayer):
    """1 above the threshold, 0 elsewhere."""

    name = "Threshold"
    is_stock = True

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """1 above the threshold, 0 below."""
        return (x > np.float32(parameter.threshold_param.threshold)).astype(np.float32)
