"""Values one after another along an axis."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.fields import says
from netsurgery.layers.joint_axis import check_joint_axis, joint_axis
from netsurgery.layers.labels import spread, varying
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, resized, show, without


@register_layer
class ConcatLayer(LayerType):
    """The bottoms, joined."""

    name = "Concat"
    is_homogeneous = True
    aliases = ("MKLConcat",)
    is_stock = True
    bottoms = (1, None)
    shape_fields = frozenset({"concat_param.per_fla_fuse"})
    message = "concat_param"
    opencv_names = ("Concat",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """Sizes add up along the axis, the others agree."""
        axis = check_joint_axis(node, node.parameter.concat_param, "concat_dim")
        first = node.bottom
        for position, shape in enumerate(node.bottoms):
            assert shape is not None
            alike = without(shape, axis) == without(first, axis) and len(shape) == len(first)
            blob = node.layer.bottoms[position].blob
            text = f"joins {show(first)} and {show(shape)} (bottom {blob!r}) at axis {axis}"
            node.check(alike, text)
        total = sum(shape[axis] for shape in node.bottoms if shape)
        return [resized(first, axis, total)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels one after another; along another axis, tied one to one."""
        axis = joint_axis(node, node.parameter.concat_param, "concat_dim")
        if all(set(varying(labels)) <= {axis} for labels in node.bottoms):
            rows = [spread(one, node.shapes[i], [axis]) for i, one in enumerate(node.bottoms)]
            return [np.concatenate(rows, axis)]
        first = node.bottoms[0].take([0], axis)
        for labels in node.bottoms:
            node.ties.tie(first, labels)
        return [first]

    def shares_memory(self, layer: Layer) -> bool:
        """The top is the memory of the bottom where that is the only one."""
        return len(layer.bottoms) == 1

    def mixes_samples(self, layer: Layer) -> bool:
        """Along the first axis it puts samples together."""
        return says(layer.parameter.concat_param, axis=0, concat_dim=0)

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It knows no ``concat_dim``."""
        other = layer.parameter.concat_param.concat_dim != 1
        return unheeded("concat_dim", layer) if other else None

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The bottoms one after another."""
        axis = joint_axis(node, node.parameter.concat_param, "concat_dim")
        sizes = np.broadcast_shapes(*(_but(one.shape, axis, 1) for one in node.bottoms))
        parts = [
            np.broadcast_to(one, _but(sizes, axis, shape[axis]))
            for one, shape in zip(node.bottoms, node.shapes)
        ]
        return [np.concatenate(parts, axis)]


def _but(shape: Sequence[int], axis: int, size: int) -> Sequence[int]:
    """A shape with another size along one axis."""
    return [size if one == axis else old for one, old in enumerate(shape)]
