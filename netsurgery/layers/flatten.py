"""The same numbers, some axes made one."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.labels import reshaped
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count


@register_layer
class FlattenLayer(LayerType):
    """Axes made one."""

    name = "Flatten"
    is_stock = True
    in_place = False
    reshapes = True
    opencv_names = ("Flatten",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """Axes from `axis` to `end_axis` become one."""
        param, bottom = node.parameter.flatten_param, node.bottom
        start, end = node.axis(param.axis), node.axis(param.end_axis)
        node.check(start <= end + 1, f"flattens from axis {start} to axis {end}")
        return [(*bottom[:start], count(bottom[start : end + 1]), *bottom[end + 1 :])]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The labels in the order of the numbers: a channel owns all its pixels."""
        return [reshaped(node.bottoms[0], node.shapes[0], node.tops[0])]

    def shares_memory(self, layer: Layer) -> bool:
        """The top is the memory of the bottom."""
        return True

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The same numbers in the same order."""
        return [reshaped(node.bottoms[0], node.shapes[0], node.tops[0])]
