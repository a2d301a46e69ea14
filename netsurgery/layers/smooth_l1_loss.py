"""The loss of boxes in Fast R-CNN (Girshick, 2015)."""

from __future__ import annotations

from netsurgery.layers.loss import LossLayer
from netsurgery.layers.registry import register_layer


@register_layer
class SmoothL1LossLayer(LossLayer):
    """Squares near 0, lines elsewhere; what a second top holds is up to the fork."""

    name = "SmoothL1Loss"
    fork = "Fast R-CNN"
    bottoms = (1, 4)
    tops = (0, 2)
    partial = True
