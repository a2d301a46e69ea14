"""The norm over channels, as FlowNet has it (Ilg et al., 2017)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ChannelNormLayer(LayerType):
    """The norm of the channels at every place."""

    name = "ChannelNorm"
    fork = "FlowNet"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(num, 1, height, width)."""
        num, _, height, width = node.four()
        return [(num, 1, height, width)]
