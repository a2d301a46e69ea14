"""The exponential linear unit (Clevert et al., 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ELULayer(NeuronLayer):
    """Above 0 x, below 0 alpha (exp(x) - 1)."""

    name = "ELU"
    is_stock = True
    opencv_names = ("ELU",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """Above 0 x, below 0 alpha (exp(x) - 1)."""
        alpha = np.float32(parameter.elu_param.alpha)
        return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))
