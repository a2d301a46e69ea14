"""The rectified linear unit, cut off at 6."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ReLU6Layer(NeuronLayer):
    """min(max(x, 0), 6)."""

    name = "ReLU6"
    fork = "MobileNet"
    opencv_names = ("ReLU6",)
