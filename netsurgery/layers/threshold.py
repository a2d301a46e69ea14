"""Whether every number is above another."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ThresholdLayer(NeuronLayer):
    """1 above the threshold, 0 elsewhere."""

    name = "Threshold"
    is_stock = True
