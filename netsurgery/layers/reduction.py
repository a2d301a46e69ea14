"""Sums, means and the like over the last axes."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ReductionLayer(LayerType):
    """One number for all that stands from an axis on."""

    name = "Reduction"
    is_stock = True
    keeps = "sums over them"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The axes before `axis`."""
        return [node.bottom[: node.axis(node.parameter.reduction_param.axis)]]
