"""A value cut to the size of another."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.labels import varying
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class CropLayer(LayerType):
    """The part of the first bottom that is as large as the second."""

    name = "Crop"
    is_stock = True
    bottoms = (2, 2)
    opencv_names = ("Crop",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """Sizes of the second bottom from `axis` on."""
        param, bottom = node.parameter.crop_param, node.bottom
        axis, reference = node.axis(param.axis), node.bottoms[1] or ()
        axes, offsets = len(bottom) - axis, list(param.offset)
        node.check(len(reference) >= len(bottom), f"crops {show(bottom)} to {show(reference)}")
        node.check(len(offsets) in (0, 1, axes), f"has {len(offsets)} offsets for {axes} axes")
        offsets = offsets if len(offsets) == axes else (offsets or [0]) * axes
        fits = all(o + r <= b for o, r, b in zip(offsets, reference[axis:], bottom[axis:]))
        text = f"crops {show(bottom)} to {show(reference)} from axis {axis} at offset {offsets}"
        node.check(fits, text)
        return [(*bottom[:axis], *reference[axis : len(bottom)])]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the first bottom; the second gives sizes from `axis` on."""
        axis = node.axis(node.parameter.crop_param.axis)
        labels, reference = node.bottoms
        if any(one >= axis for one in (*varying(labels), *varying(reference))):
            if node.shapes[0] != node.tops[0] or labels.ndim != reference.ndim:
                return node.barrier("cuts across them")
            node.ties.tie(labels, reference)
        return [labels]
