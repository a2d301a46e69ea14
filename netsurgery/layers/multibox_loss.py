"""The loss of boxes and classes in SSD (Liu et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.loss import LossLayer
from netsurgery.layers.registry import register_layer


@register_layer
class MultiBoxLossLayer(LossLayer):
    """Losses of matched boxes, and of hard ones that are not."""

    name = "MultiBoxLoss"
    fork = "SSD"
    bottoms = (3, 5)
    tops = (0, 1)
    partial = True
