"""The rectified linear unit, also leaky."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ReLULayer(NeuronLayer):
    """max(x, 0), and below 0 a line of another slope."""

    name = "ReLU"
    is_stock = True
    aliases = ("MKLReLU",)
