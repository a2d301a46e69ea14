"""The exponential linear unit (Clevert et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ELULayer(NeuronLayer):
    """x above 0, alpha (exp(x) - 1) below."""

    name = "ELU"
    is_stock = True
