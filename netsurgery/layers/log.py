"""The logarithm of every number."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class LogLayer(NeuronLayer):
    """log(shift + scale x) to a base."""

    name = "Log"
    is_stock = True
