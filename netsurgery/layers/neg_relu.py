"""The negative part of every number."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class NegReLULayer(NeuronLayer):
    """min(x, 0)."""

    name = "NegReLU"
    is_homogeneous = True
