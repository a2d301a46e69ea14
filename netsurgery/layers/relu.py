"""The rectified linear unit, also leaky."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from netsurgery.layers.layer import Layer
from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ReLULayer(NeuronLayer):
    """max(x, 0), and below 0 a line of another slope."""

    name = "ReLU"
    is_homogeneous = True
    is_stock = True
    aliases = ("MKLReLU",)
    message = "relu_param"
    chooses_engine = True
    opencv_names = ("ReLU",)

    def slope_below_zero(self, layer: Layer) -> Optional[float]:
        """The slope that is written, 0 if none is."""
        return float(layer.parameter.relu_param.negative_slope)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """Above 0 x, below 0 a slope times x."""
        slope = np.float32(parameter.relu_param.negative_slope)
        return np.maximum(x, 0) + slope * np.minimum(x, 0)
