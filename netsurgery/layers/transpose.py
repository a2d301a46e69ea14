"""Axes in another order (CRNN's Caffe)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class TransposeLayer(LayerType):
    """The bottom with its axes in another order."""

    name = "Transpose"
    fork = "CRNN"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The axes in the given order, all of them named."""
        axes, order = len(node.bottom), list(node.parameter.transpose_param.dim)
        text = f"has dim {order} for the {axes} axes of its bottom"
        node.check(sorted(order) == list(range(axes)), text)
        return [tuple(node.bottom[axis] for axis in order)]
