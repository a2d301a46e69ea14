"""A power of every number."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class PowerLayer(NeuronLayer):
    """(shift + scale x) ^ power."""

    name = "Power"
    is_stock = True
