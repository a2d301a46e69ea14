"""Local response normalisation (Krizhevsky et al., 2012)."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class LRNLayer(LayerType):
    """Every number divided by a power of the squares around it."""

    name = "LRN"
    aliases = ("MKLLRN",)
    is_stock = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        param = node.parameter.lrn_param
        node.check(len(node.bottom) == 4, f"needs 4 axes, has {show(node.bottom)}")
        odd = param.local_size % 2 == 1
        node.check(odd, f"needs an odd local_size, has {param.local_size}")
        return [node.bottom]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom; across channels, each depends on its neighbours."""
        param = node.parameter.lrn_param
        if param.norm_region == param.ACROSS_CHANNELS:
            text = f"{node} divides each channel by what its neighbours are"
            node.ties.approximate(node.along(1), text)
        return [node.bottoms[0]]
