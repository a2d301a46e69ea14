"""The hinge loss of scores, one against all."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.loss import SCALAR, LossLayer, check_same_batch
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import Compared


@register_layer
class HingeLossLayer(LossLayer):
    """What a score lacks of a margin, added up."""

    name = "HingeLoss"
    is_stock = True
    compares = Compared.CLASSES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        check_same_batch(node)
        node.four()
        return [SCALAR]
