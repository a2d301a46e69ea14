"""The rectified linear unit whose slopes are trained (He et al., 2015)."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show
from netsurgery.layers.traits import CHANNEL_WEIGHTS, BlobFacts


@register_layer
class PReLULayer(LayerType):
    """x above 0, below it x times the slope of its channel."""

    name = "PReLU"
    is_homogeneous = True
    is_stock = True
    message = "prelu_param"
    may_be_zero = True
    opencv_names = ("PReLU",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.check(2 <= len(node.bottom) <= 4, f"needs 2 to 4 axes, has {show(node.bottom)}")
        return [node.bottom]

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """One slope a channel, or one for all."""
        return [() if node.parameter.prelu_param.channel_shared else (node.bottom[1],)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom, each with its slope."""
        if not node.parameter.prelu_param.channel_shared:
            node.use(0, node.along(1))
        return [node.bottoms[0]]

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """The slopes."""
        return (CHANNEL_WEIGHTS,)

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """What is below 0 times its channel's slope."""
        if not node.blobs:
            return node.unknown()
        x, slope = node.bottoms[0], node.placed(node.blobs[0].reshape(-1), 1)
        return [np.maximum(x, 0) + slope * np.minimum(x, 0)]
