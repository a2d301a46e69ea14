"""Layers that compute every number by itself."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.shape import Shape


class NeuronLayer(LayerType):
    """A function of every number by itself."""

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        return [node.bottom]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom."""
        return [node.bottoms[0]]
