"""A value cut into parts along an axis."""

from __future__ import annotations

from itertools import accumulate
from typing import List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.layers.base import Fields, Kept, LayerType
from netsurgery.layers.fields import says
from netsurgery.layers.joint_axis import check_joint_axis, joint_axis
from netsurgery.layers.labels import varying
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, resized


@register_layer
class SliceLayer(LayerType):
    """The parts of the bottom."""

    name = "Slice"
    is_homogeneous = True
    is_stock = True
    tops = (1, None)
    message = "slice_param"
    opencv_names = ("Slice",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The axis is cut at the slice points, or into equal parts."""
        param = node.parameter.slice_param
        axis = check_joint_axis(node, param, "slice_dim")
        size, tops = node.bottom[axis], node.tops
        if param.slice_point:
            points = [0, *param.slice_point, size]
            text = f"has {len(param.slice_point)} slice_point for {tops} tops"
            node.check(len(points) == tops + 1, text)
            widths = [after - before for before, after in zip(points, points[1:])]
            node.check(min(widths) > 0, f"cuts {size} at {list(param.slice_point)}")
        else:
            node.check(size % tops == 0, f"cuts {size} into {tops} equal parts")
            widths = [size // tops] * tops
        return [resized(node.bottom, axis, width) for width in widths]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """Each top has its part of the channels."""
        axis = joint_axis(node, node.parameter.slice_param, "slice_dim")
        if axis not in varying(node.bottoms[0]):
            return [node.bottoms[0]] * len(node.tops)
        points = list(accumulate(shape[axis] for shape in node.tops[:-1]))
        return np.split(node.bottoms[0], points, axis)

    def thinned(self, layer: Layer, kept: Kept) -> Fields:
        """The points of the cut; equal parts that became unequal get points."""
        bottom, param = kept.get(layer.bottoms[0]), layer.parameter.slice_param
        axis = param.slice_dim if param.HasField("slice_dim") else param.axis
        tops = len(layer.tops)
        if bottom is None or tops < 2 or axis % bottom.axes != bottom.axis:
            return {}
        size = len(bottom.mask)
        points = list(param.slice_point) or [size * i // tops for i in range(1, tops)]
        remaining = np.cumsum(bottom.mask)
        found = [int(remaining[point - 1]) for point in points]
        widths = np.diff([0, *found, bottom.size])
        if not param.slice_point and len(set(widths.tolist())) == 1:
            return {}
        return {"slice_param.slice_point": found}

    def parts(self, layer: Layer, size: int) -> Optional[List[Tuple[int, int]]]:
        """Where it is cut, if along axis 1."""
        param, tops = layer.parameter.slice_param, len(layer.tops)
        if (param.slice_dim if param.HasField("slice_dim") else param.axis) != 1:
            return None
        points = list(param.slice_point) or [size * one // tops for one in range(1, tops)]
        return list(zip([0, *points], [*points, size]))

    def shares_memory(self, layer: Layer) -> bool:
        """The top is the memory of the bottom where it is the only one."""
        return len(layer.tops) == 1

    def mixes_samples(self, layer: Layer) -> bool:
        """Along the first axis it takes samples apart."""
        return says(layer.parameter.slice_param, axis=0, slice_dim=0)

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It knows no ``slice_dim``."""
        return unheeded("slice_dim", layer) if layer.parameter.slice_param.slice_dim != 1 else None

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Each top has its part."""
        axis = joint_axis(node, node.parameter.slice_param, "slice_dim")
        held = node.bottoms[0]
        if held.shape[axis] == 1:
            return [held] * len(node.tops)
        return np.split(held, list(accumulate(shape[axis] for shape in node.tops[:-1])), axis)
