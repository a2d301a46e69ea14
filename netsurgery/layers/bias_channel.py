"""Scores of classes plus offsets where an image has the class (DeepLab)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class BiasChannelLayer(LayerType):
    """Maps of classes plus offsets."""

    name = "BiasChannel"
    bottoms = (1, None)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the first bottom."""
        return [node.bottom]
