"""The logarithm of every number."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy as np

from netsurgery.layers.layer import Layer
from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class LogLayer(NeuronLayer):
    """log(shift + scale x) to a base."""

    name = "Log"
    is_stock = True
    message = "log_param"
    opencv_names = ("Log",)

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It knows none of its fields."""
        other = layer.parameter.log_param.ByteSize() > 0
        return unheeded("base, scale and shift", layer) if other else None

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """The logarithm of shift + scale x."""
        param = parameter.log_param
        found = np.log(np.float32(param.shift) + np.float32(param.scale) * x)
        return found if param.base == -1 else found / np.log(np.float32(param.base))
