"""Images that a program hands over."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class MemoryDataLayer(LayerType):
    """Images and labels from memory."""

    name = "MemoryData"
    is_stock = True
    bottoms = (0, 0)
    tops = (2, 2)
    shape_fields = frozenset({"transform_param.resize_param"})

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """Images as written, and their labels."""
        param = node.parameter.memory_data_param
        shape = (param.batch_size, param.channels, param.height, param.width)
        node.check(min(shape) > 0, "needs batch_size, channels, height and width above 0")
        return [shape, (param.batch_size,)]
