"""The softmax along an axis."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.fields import says
from netsurgery.layers.labels import varying
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class SoftmaxLayer(LayerType):
    """Exponentials divided by their sum along an axis."""

    name = "Softmax"
    is_stock = True
    message = "softmax_param"
    chooses_engine = True
    is_softmax = True
    squashes = True
    opencv_names = ("Softmax",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.axis(node.parameter.softmax_param.axis)
        return [node.bottom]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom, unless it is across them."""
        if node.axis(node.parameter.softmax_param.axis) in varying(node.bottoms[0]):
            return node.barrier("normalises across them")
        return [node.bottoms[0]]

    def class_axis(self, layer: Layer, axes: int) -> int:
        """What it makes adds up to one along its axis."""
        return int(layer.parameter.softmax_param.axis) % max(axes, 1)

    def mixes_samples(self, layer: Layer) -> bool:
        """Along the first axis it adds up samples."""
        return says(layer.parameter.softmax_param, axis=0)
