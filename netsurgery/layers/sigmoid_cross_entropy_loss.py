"""The cross-entropy of sigmoids and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from netsurgery.layers.loss import SCALAR, LossLayer, averaged, check_same_batch
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count, show
from netsurgery.layers.traits import Averaged, Compared

if TYPE_CHECKING:
    from netsurgery.layers.layer import Layer


@register_layer
class SigmoidCrossEntropyLossLayer(LossLayer):
    """The cross-entropy of every number's sigmoid with its label."""

    name = "SigmoidCrossEntropyLoss"
    is_stock = True
    tops = (0, 2)
    compares = Compared.PROBABILITIES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        check_same_batch(node)
        first, second = node.bottom, node.bottoms[1] or ()
        same = count(first) == count(second)
        node.check(same, f"compares {show(first)} with {show(second)}")
        return [SCALAR]

    def class_mean(self, layer: Layer) -> Averaged:
        """Over the inputs, where it does not say otherwise."""
        return averaged(layer, Averaged.INPUTS)
