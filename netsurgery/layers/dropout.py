"""Dropout: nothing at all when a net is used."""

from __future__ import annotations

from typing import Any

import numpy as np

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class DropoutLayer(NeuronLayer):
    """x, when a net is used."""

    name = "Dropout"
    is_stock = True
    is_identity = True
    is_noise = True
    opencv_names = ("Dropout",)
    message = "dropout_param"
    opencv_fields = ("scale_train",)

    def formula(self, x: np.ndarray, parameter: Any) -> np.ndarray:
        """Return x."""
        return x
