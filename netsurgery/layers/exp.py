"""The exponential of every number."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ExpLayer(NeuronLayer):
    """base ^ (shift + scale x)."""

    name = "Exp"
    is_stock = True
