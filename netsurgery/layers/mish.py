"""Mish (Misra, 2019)."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class MishLayer(NeuronLayer):
    """x tanh(log(1 + exp(x)))."""

    name = "Mish"
