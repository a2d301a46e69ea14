"""The logarithm of 1 + exp(x) of every number (binomial normal log likelihood)."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class BNLLLayer(NeuronLayer):
    """log(1 + exp(x))."""

    name = "BNLL"
    is_stock = True
    opencv_names = ("BNLL",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """log(1 + exp(x))."""
        return np.logaddexp(x, np.float32(0))
