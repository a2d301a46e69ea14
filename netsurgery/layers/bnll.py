"""The logarithm of 1 + exp(x) of every number (binomial normal log likelihood)."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class BNLLLayer(NeuronLayer):
    """log(1 + exp(x))."""

    name = "BNLL"
    is_stock = True
