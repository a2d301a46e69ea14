"""Pooling undone, as SegNet has it (Badrinarayanan et al., 2017)."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class UpsampleLayer(LayerType):
    """Numbers put back where a pooling found them."""

    name = "Upsample"
    fork = "SegNet"
    bottoms = (1, 2)
    partial = True

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """(num, channels, height, width), scaled or as asked for."""
        if node.bottoms[0] is None:
            return [None]
        param = node.parameter.upsample_param
        num, channels, height, width = node.four()
        if param.HasField("upsample_h") and param.HasField("upsample_w"):
            return [(num, channels, param.upsample_h, param.upsample_w)]
        high, wide = _scales(param)
        node.check(high > 0 and wide > 0, f"scales by {high} and {wide}")
        return [(num, channels, height * high - param.pad_out_h, width * wide - param.pad_out_w)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the first bottom; a mask has the same."""
        for number in range(1, len(node.bottoms)):
            node.ties.tie(node.along(1), node.along(1, number))
        return [node.placed(node.along(1), 1)]


def _scales(param: Any) -> Tuple[int, int]:
    if param.HasField("scale_h"):
        return param.scale_h, param.scale_w
    return param.scale, param.scale
