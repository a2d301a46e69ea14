"""The logistic function of every number."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class SigmoidLayer(NeuronLayer):
    """1 / (1 + exp(-x))."""

    name = "Sigmoid"
    is_stock = True
