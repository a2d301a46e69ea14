"""A picture moved by a flow, as FlowNet has it (Ilg et al., 2017)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.selecting import SelectingLayer
from netsurgery.layers.shape import Shape


@register_layer
class FlowWarpLayer(SelectingLayer):
    """The first bottom, moved as the second says."""

    name = "FlowWarp"
    fork = "FlowNet"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the first bottom."""
        return [node.bottom]
