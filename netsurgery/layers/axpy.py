"""A gate for every channel and a sum at once, as SENet has it (Hu et al., 2018)."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class AxpyLayer(LayerType):
    """a x + y, where a holds one number a channel."""

    name = "Axpy"
    fork = "SENet"
    bottoms = (3, 3)
    opencv_names = ("Axpy",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of x in a x + y."""
        scale_shape, x, y = (shape or () for shape in node.bottoms)
        node.check(scale_shape[:2] == x[:2], f"scales {show(x)} by {show(scale_shape)}")
        node.check(x == y, f"adds {show(x)} and {show(y)}: shapes differ")
        return [x]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of a, x and y in a x + y, tied one to one."""
        gates = node.along(1, 0)
        node.ties.tie(gates, node.along(1, 1))
        node.ties.tie(gates, node.along(1, 2))
        return [node.bottoms[1]]
