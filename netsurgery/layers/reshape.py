"""The same numbers under another shape."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import Fields, Kept, LayerType
from netsurgery.layers.labels import reshaped
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count, show


@register_layer
class ReshapeLayer(LayerType):
    """Another shape in the place of some axes."""

    name = "Reshape"
    is_stock = True
    in_place = False
    shape_fields = frozenset({"reshape_param.pixelshuffler"})
    reshapes = True
    opencv_names = ("Reshape",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The axes asked for in the place of some of the bottom."""
        param, bottom = node.parameter.reshape_param, node.bottom
        start = param.axis if param.axis >= 0 else len(bottom) + param.axis + 1
        axes = len(bottom) - start if param.num_axes == -1 else param.num_axes
        inside = min(start, axes) >= 0 and start + axes <= len(bottom)
        text = f"replaces {param.num_axes} axes from axis {param.axis} on of {show(bottom)}"
        node.check(inside and param.num_axes >= -1, text)
        written = enumerate(param.shape.dim, start)
        dims = [_copied(node, axis) if dim == 0 else dim for axis, dim in written]
        shape = (*bottom[:start], *dims, *bottom[start + axes :])
        wanted = show([*bottom[:start], *param.shape.dim, *bottom[start + axes :]])
        top = _inferred(node, shape, wanted)
        text = f"reshapes {show(bottom)} ({count(bottom)} numbers) to {wanted} ({count(top)})"
        node.check(count(top) == count(bottom), text)
        return [top]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The labels in the order of the numbers: a channel owns all its pixels."""
        return [reshaped(node.bottoms[0], node.shapes[0], node.tops[0])]

    def thinned(self, layer: Layer, kept: Kept) -> Fields:
        """Sizes that are written out, where they count channels."""
        bottom, top = kept.get(layer.bottoms[0]), kept.get(layer.tops[0])
        if bottom is None or top is None:
            return {}
        param = layer.parameter.reshape_param
        start = param.axis if param.axis >= 0 else bottom.axes + param.axis + 1
        dims = list(param.shape.dim)
        for axis, dim in enumerate(dims, start):
            if axis == top.axis and (dim > 0 or (dim == 0 and axis != bottom.axis)):
                dims[axis - start] = top.size
            elif axis == bottom.axis != top.axis and dim == 0:
                dims[axis - start] = len(bottom.mask)  # it was a copy of what is smaller now
        return {} if dims == list(param.shape.dim) else {"reshape_param.shape.dim": dims}

    def open_batch(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Fields:
        """A first size that is written out and is that of the bottom is a copy of it."""
        param, bottom = layer.parameter.reshape_param, bottoms[0]
        first, *others = param.shape.dim or [0]
        start = param.axis if param.axis >= 0 or bottom is None else len(bottom) + param.axis + 1
        replaces = start == 0 and param.num_axes != 0
        if not (bottom and replaces and first > 0 and first == bottom[0]):
            return {}
        return {"reshape_param.shape.dim": [0, *others]}

    def shares_memory(self, layer: Layer) -> bool:
        """The top is the memory of the bottom."""
        return True

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The same numbers in the same order."""
        return [reshaped(node.bottoms[0], node.shapes[0], node.tops[0])]


def _copied(node: ShapeNode, axis: int) -> int:
    text = f"copies axis {axis} (dim: 0), but its bottom is {show(node.bottom)}"
    node.check(axis < len(node.bottom), text)
    return node.bottom[axis]


def _inferred(node: ShapeNode, shape: Shape, wanted: str) -> Shape:
    """Put the one size that fits in the place of -1."""
    node.check(shape.count(-1) <= 1, f"leaves more than one size open (dim: -1) in {wanted}")
    node.check(min(shape, default=0) >= -1, f"has a negative size in {wanted}")
    if -1 not in shape:
        return shape
    known, total = -count(shape), count(node.bottom)
    text = f"reshapes {show(node.bottom)} ({total} numbers) to {wanted}: not divisible by {known}"
    node.check(known and total % known == 0, text)
    return tuple(total // known if dim == -1 else dim for dim in shape)
