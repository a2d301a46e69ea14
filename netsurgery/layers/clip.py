"""Every number brought between two others."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ClipLayer(NeuronLayer):
    """min(max(x, min), max)."""

    name = "Clip"
    is_stock = True
