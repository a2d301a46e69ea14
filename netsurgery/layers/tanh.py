"""The hyperbolic tangent of every number."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class TanHLayer(NeuronLayer):
    """tanh(x)."""

    name = "TanH"
    is_stock = True
    message = "tanh_param"
    chooses_engine = True
    opencv_names = ("TanH",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """tanh(x)."""
        return np.tanh(x)
