"""The exponential of every number."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ExpLayer(NeuronLayer):
    """The base to the power of shift + scale x."""

    name = "Exp"
    is_stock = True
    opencv_names = ("Exp",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """The base to the power of shift + scale x."""
        param = parameter.exp_param
        exponent = np.float32(param.shift) + np.float32(param.scale) * x
        return np.exp(exponent) if param.base == -1 else np.float32(param.base) ** exponent
