"""Axes in another order, as SSD has it (Liu et al., 2016)."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class PermuteLayer(LayerType):
    """The bottom with its axes in another order."""

    name = "Permute"
    fork = "SSD"
    message = "permute_param"
    permutes = True
    opencv_names = ("Permute",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The axes in the given order, then those not named."""
        axes, order = len(node.bottom), list(node.parameter.permute_param.order)
        valid = len(set(order)) == len(order) and all(axis < axes for axis in order)
        node.check(valid, f"has order {order} for the {axes} axes of its bottom")
        order += [axis for axis in range(axes) if axis not in order]
        return [tuple(node.bottom[axis] for axis in order)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The labels with their axes in the new order."""
        order = list(node.parameter.permute_param.order)
        order += [axis for axis in range(len(node.shapes[0])) if axis not in order]
        return [node.bottoms[0].transpose(order)]

    def permutation(self, layer: Layer, axes: int) -> Sequence[int]:
        """The axes that are named, then the others."""
        order = list(layer.parameter.permute_param.order)
        return [*order, *(axis for axis in range(axes) if axis not in order)]

    def spoils_its_bottom(self, layer: Layer) -> bool:
        """It writes where it has not read yet."""
        return True

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The same numbers with their axes in the new order."""
        return [node.bottoms[0].transpose(self.permutation(node.layer, len(node.shapes[0])))]
