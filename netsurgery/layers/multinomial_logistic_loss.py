"""The cross-entropy of probabilities and labels."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.loss import SCALAR, LossLayer, check_same_batch
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import Compared


@register_layer
class MultinomialLogisticLossLayer(LossLayer):
    """Minus the logarithm of what the label was given."""

    name = "MultinomialLogisticLoss"
    is_stock = True
    compares = Compared.CLASSES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        check_same_batch(node)
        node.four()
        return [SCALAR]
