"""Dropout of whole maps: nothing at all when a net is used."""

from __future__ import annotations

from netsurgery.layers.neuron import NeuronLayer
from netsurgery.layers.registry import register_layer


@register_layer
class SpatialDropoutLayer(NeuronLayer):
    """x, when a net is used."""

    name = "SpatialDropout"
    is_homogeneous = True
    is_noise = True
