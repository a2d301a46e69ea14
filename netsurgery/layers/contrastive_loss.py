"""The loss of pairs that are alike or not (Hadsell et al., 2006)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.loss import SCALAR, LossLayer, check_same_batch
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count, show


@register_layer
class ContrastiveLossLayer(LossLayer):
    """The distance of like pairs, and what others lack of a margin."""

    name = "ContrastiveLoss"
    is_stock = True
    bottoms = (3, 3)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        check_same_batch(node)
        first, second = node.four(0), node.four(1)
        same = first[1] == second[1] and count(first[2:] + second[2:]) == 1
        node.check(same, f"compares {show(node.bottom)} with {show(node.bottoms[1])}")
        return [SCALAR]
