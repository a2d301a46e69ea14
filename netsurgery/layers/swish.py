"""Swish (Ramachandran et al., 2017)."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class SwishLayer(NeuronLayer):
    """x / (1 + exp(-beta x))."""

    name = "Swish"
    is_stock = True
