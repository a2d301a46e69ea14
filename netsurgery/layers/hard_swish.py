"""Swish with a sigmoid made of three lines (Howard et al., 2019)."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class HardSwishLayer(NeuronLayer):
    """x times a line that is cut off at 0 and at 1."""

    name = "HardSwish"
