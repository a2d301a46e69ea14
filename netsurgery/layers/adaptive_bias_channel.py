"""Scores of classes plus offsets that depend on how many pixels each has (DeepLab)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class AdaptiveBiasChannelLayer(LayerType):
    """Maps of classes plus offsets."""

    name = "AdaptiveBiasChannel"
    bottoms = (1, None)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the first bottom."""
        return [node.bottom]
