"""A reader that makes nothing, so that a value is no output."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class SilenceLayer(LayerType):
    """Nothing, of any number of bottoms."""

    name = "Silence"
    is_stock = True
    bottoms = (1, None)
    tops = (0, 0)
    partial = True
    opencv_names = ("Silence",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """No tops."""
        return []

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """Whatever it reads."""
        return []
