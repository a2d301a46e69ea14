"""The detections of SSD (Liu et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.base import LayerType
from netsurgery.layers.registry import register_layer


@register_layer
class DetectionOutputLayer(LayerType):
    """What remains of scored boxes."""

    name = "DetectionOutput"
    fork = "SSD"
    bottoms = (3, None)
    keeps = "gives each of them a meaning"
