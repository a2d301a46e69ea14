"""Maps smoothed up to the edges that a second bottom brings (DeepLab)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class DomainTransformLayer(LayerType):
    """Maps smoothed within edges."""

    name = "DomainTransform"
    bottoms = (1, None)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the first bottom."""
        return [node.bottom]
