"""The sigmoid made of three lines."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class HardSigmoidLayer(NeuronLayer):
    """A line, cut off at 0 and at 1."""

    name = "HardSigmoid"
