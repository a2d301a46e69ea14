"""One value for several readers; Caffe puts such layers in by itself."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class SplitLayer(LayerType):
    """The bottom, for every top."""

    name = "Split"
    aliases = ("MKLSplit",)
    is_stock = True
    tops = (1, None)
    is_identity = True
    opencv_names = ("Split",)
    inserted_by_caffe = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom, for every top."""
        return [node.bottom] * node.tops

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom, for every top."""
        return [node.bottoms[0]] * len(node.tops)

    def shares_memory(self, layer: Layer) -> bool:
        """Every top is the memory of the bottom."""
        return True

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Every top holds what the bottom does."""
        return [node.bottoms[0]] * len(node.tops)
