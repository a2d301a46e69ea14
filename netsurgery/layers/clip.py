"""Every number brought between two others."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ClipLayer(NeuronLayer):
    """min(max(x, min), max)."""

    name = "Clip"
    is_stock = True
    in_release = False

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """x, kept between min and max."""
        param = parameter.clip_param
        return np.clip(x, np.float32(param.min), np.float32(param.max))
