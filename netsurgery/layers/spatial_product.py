"""Maps times one map."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.selecting import SelectingLayer
from netsurgery.layers.shape import Shape


@register_layer
class SpatialProductLayer(SelectingLayer):
    """The first bottom times the map that the second is."""

    name = "SpatialProduct"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the first bottom."""
        return [node.bottom]
