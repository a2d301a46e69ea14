"""The distance of predictions from labels, number by number."""

from __future__ import annotations

from netsurgery.layers.loss import LossLayer
from netsurgery.layers.registry import register_layer


@register_layer
class L1LossLayer(LossLayer):
    """The mean of the differences; what a second top holds is up to the fork."""

    name = "L1Loss"
    bottoms = (1, 4)
    tops = (0, 2)
    partial = True
