"""Layers that compute every number by itself."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.shape import Shape


class NeuronLayer(LayerType):
    """A function of every number by itself."""

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        return [node.bottom]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom."""
        return [node.bottoms[0]]

    def formula(self, x: np.ndarray, parameter: Any) -> Optional[np.ndarray]:
        """Return the function in Caffe's formula, float32; None where it is not known.

        Args:
            x: What is read.
            parameter: The ``LayerParameter`` message.
        """
        return None

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The formula of what is constant."""
        x = node.bottoms[0]
        made = self.formula(x, node.parameter)
        return node.unknown() if made is None else [np.where(np.isnan(x), np.nan, made)]
