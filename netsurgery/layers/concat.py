"""Values one after another along an axis."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.joint_axis import check_joint_axis, joint_axis
from netsurgery.layers.labels import spread, varying
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, resized, show, without


@register_layer
class ConcatLayer(LayerType):
    """The bottoms, joined."""

    name = "Concat"
    aliases = ("MKLConcat",)
    is_stock = True
    bottoms = (1, None)
    shape_fields = frozenset({"concat_param.per_fla_fuse"})

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
