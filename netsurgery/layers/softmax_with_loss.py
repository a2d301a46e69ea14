"""The softmax and its cross-entropy with labels."""

from __future__ import annotations

from typing import Any, Sequence

from netsurgery.layers.loss import SCALAR, LossLayer, check_labels
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import Compared


@register_layer
class SoftmaxWithLossLayer(LossLayer):
    """Minus the logarithm of what the softmax gives the label."""

    name = "SoftmaxWithLoss"
    is_stock = True
    tops = (0, 2)
    compares = Compared.CLASSES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar; then the probabilities, shaped like the scores."""
        weighted = node.tops < 2 or node.parameter.loss_weight
        node.check(weighted, "has two tops but no loss_weight", "give one loss_weight a top")
        check_labels(node, node.axis(self.param(node.parameter).axis))
        return [SCALAR, node.bottom]

    def param(self, parameter: Any) -> Any:
        """Return the block of a ``LayerParameter`` that says along which axis the classes are."""
        return parameter.softmax_param
