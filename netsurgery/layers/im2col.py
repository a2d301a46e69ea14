"""The windows of a convolution as columns."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count, show
from netsurgery.layers.windows import read_windows


@register_layer
class Im2colLayer(LayerType):
    """Every window of a picture as a column."""

    name = "Im2col"
    is_stock = True
    shape_fields = frozenset({"convolution_param.kernel_depth", "convolution_param.tf_pad"})

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(..., channels x kernel, windows that fit): one column a window."""
        param = node.parameter.convolution_param
        axis = node.axis(param.axis)
        sizes = node.bottom[axis + 1 :]
        node.check(sizes, f"has no spatial axes after axis {axis} of {show(node.bottom)}")
        windows = read_windows(node, param, len(sizes))
        channels = node.bottom[axis] * count(windows.kernel)
        return [(*node.bottom[:axis], channels, *windows.convolve(node, sizes))]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """Every channel once for each place of the kernel."""
        axis = node.axis(node.parameter.convolution_param.axis)
        labels = node.along(axis)
        return [node.placed(np.repeat(labels, node.tops[0][axis] // len(labels)), axis)]
