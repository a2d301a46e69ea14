"""The concatenated rectified linear unit (Shang et al., 2016), without the rectifier."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.labels import varying
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, resized


@register_layer
class CReLULayer(LayerType):
    """x, then -x."""

    name = "CReLU"
    is_homogeneous = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The axis doubles: x, then -x."""
        axis = node.axis(node.parameter.crelu_param.concat_axis)
        return [resized(node.bottom, axis, 2 * node.bottom[axis])]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """Every channel twice: x, then -x."""
        axis, labels = node.axis(node.parameter.crelu_param.concat_axis), node.bottoms[0]
        return [np.concatenate([labels, labels], axis) if axis in varying(labels) else labels]
