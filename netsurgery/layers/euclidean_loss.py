"""The squared distance of predictions from labels."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.loss import SCALAR, LossLayer, check_same_batch
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count, show
from netsurgery.layers.traits import Compared


@register_layer
class EuclideanLossLayer(LossLayer):
    """Half the squared distance, a sample."""

    name = "EuclideanLoss"
    is_stock = True
    compares = Compared.VALUES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        check_same_batch(node)
        first, second = node.bottom, node.bottoms[1] or ()
        same = count(node.four()) == count(second)
        node.check(same, f"compares {show(first)} with {show(second)}")
        return [SCALAR]
