"""Bilinear resizing, as PSPNet has it (Zhao et al., 2017)."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class InterpLayer(LayerType):
    """Pictures of another size."""

    name = "Interp"
    fork = "PSPNet"
    bottoms = (1, 2)
    partial = True
    opencv_names = ("Interp",)

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """(num, channels, height, width) resized, or those of the second bottom."""
        if node.bottoms[0] is None:
            return [None]
        num, channels, *sizes = node.four()
        if len(node.bottoms) == 2:
            return [node.bottoms[1] and (num, channels, *node.four(1)[2:])]
        param = node.parameter.interp_param
        wanted = (param.height, param.width)
        found = [_interpolated(node, param, n, w) for n, w in zip(sizes, wanted)]
        text = f"resizes {show(node.bottom)} to {show(found)}"
        node.check(min(found) > 0, text)
        return [(num, channels, *found)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the first bottom; a second one only gives a size."""
        return [node.placed(node.along(1), 1)] * len(node.tops)


def _interpolated(node: ShapeNode, param: Any, size: int, wanted: int) -> int:
    shrinks, zooms = param.HasField("shrink_factor"), param.HasField("zoom_factor")
    size += param.pad_beg + param.pad_end
    if not (shrinks or zooms):
        node.check(wanted > 0, "has neither factors nor height and width")
        return wanted
    node.check(param.shrink_factor > 0 and param.zoom_factor > 0, "has a factor below 1")
    if shrinks:
        size = (size - 1) // param.shrink_factor + 1
    return size + (size - 1) * (param.zoom_factor - 1) if zooms else size
