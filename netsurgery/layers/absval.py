"""The absolute value of every number."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class AbsValLayer(NeuronLayer):
    """|x|."""

    name = "AbsVal"
    is_homogeneous = True
    is_stock = True
    in_place = False
    opencv_names = ("AbsVal",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """|x|."""
        return np.abs(x)
