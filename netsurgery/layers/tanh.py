"""The hyperbolic tangent of every number."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class TanHLayer(NeuronLayer):
    """tanh(x)."""

    name = "TanH"
    is_stock = True
