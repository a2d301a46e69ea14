"""A blob that is a value."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ParameterLayer(LayerType):
    """A trained blob for other layers to read."""

    name = "Parameter"
    is_stock = True
    bottoms = (0, 0)
    feeds_itself = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape as written: the top is the blob."""
        return [tuple(node.parameter.parameter_param.shape.dim)]

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """What the top is."""
        return self.shapes(node)
