"""Swish (Ramachandran et al., 2017)."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np

from netsurgery.layers.layer import Layer
from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.sigmoid import sigmoid


@register_layer
class SwishLayer(NeuronLayer):
    """x / (1 + exp(-beta x))."""

    name = "Swish"
    is_stock = True
    message = "swish_param"
    in_release = False
    opencv_names = ("Swish",)

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It knows no ``beta``."""
        return unheeded("beta", layer) if layer.parameter.swish_param.beta != 1 else None

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """Return x sigmoid(beta x)."""
        return x * sigmoid(np.float32(parameter.swish_param.beta) * x)
