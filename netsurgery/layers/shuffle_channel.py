"""Channels of groups mixed, as ShuffleNet has it (Zhang et al., 2018)."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ShuffleChannelLayer(LayerType):
    """The first channels of all groups, then the second ones ..."""

    name = "ShuffleChannel"
    is_homogeneous = True
    fork = "ShuffleNet"
    opencv_names = ("ShuffleChannel",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        group, channels = node.parameter.shuffle_channel_param.group, node.four()[1]
        fits = group > 0 and channels % group == 0
        node.check(fits, f"shuffles {channels} channels in {group} groups")
        return [node.bottom]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels in another order; the j-th of all groups go together, which keeps it."""
        rows = node.along(1).reshape(node.parameter.shuffle_channel_param.group, -1)
        node.ties.tie(rows, rows[:1])
        return [node.placed(rows.T.ravel(), 1)]
