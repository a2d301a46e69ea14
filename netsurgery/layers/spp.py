"""Spatial pyramid pooling (He et al., 2014)."""

from __future__ import annotations

from math import ceil
from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.pooling import pooled
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class SPPLayer(LayerType):
    """A picture pooled into 1, 4, 16 ... bins, one after another."""

    name = "SPP"
    is_stock = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(num, numbers of all levels); one level alone keeps its axes."""
        height = node.parameter.spp_param.pyramid_height
        node.check(height > 0, "has no pyramid_height")
        node.check(len(node.bottom) == 4, f"needs 4 axes, has {show(node.bottom)}")
        num, channels, *sizes = node.bottom
        levels = [tuple(_bins(node, size, 2**level) for size in sizes) for level in range(height)]
        if height == 1:
            return [(num, channels, *levels[0])]
        return [(num, channels * sum(high * wide for high, wide in levels))]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """For every level of the pyramid, the bins of each channel."""
        labels, height = node.along(1), node.parameter.spp_param.pyramid_height
        if height == 1:
            return [node.placed(labels, 1)]
        bins = np.concatenate([np.repeat(labels, 4**level) for level in range(height)])
        if len(bins) != node.tops[0][1]:  # the picture does not divide: some level has fewer
            return node.barrier("pools them into an uneven pyramid")
        return [node.placed(bins, 1)]


def _bins(node: ShapeNode, size: int, bins: int) -> int:
    """Outputs of the pooling that Caffe sets up to cut ``size`` into ``bins``."""
    kernel = ceil(size / bins)
    pad = (kernel * bins - size + 1) // 2
    node.check(pad < kernel, f"cannot cut {size} into {bins} bins: pad {pad}, kernel {kernel}")
    return pooled(size, kernel, kernel, pad, pad > 0, round_up=True)
