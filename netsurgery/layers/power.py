"""A power of every number."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class PowerLayer(NeuronLayer):
    """(shift + scale x) ^ power."""

    name = "Power"
    is_stock = True
    opencv_names = ("Power",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """(shift + scale x) ^ power."""
        param = parameter.power_param
        return (np.float32(param.shift) + np.float32(param.scale) * x) ** np.float32(param.power)
