"""The softmax and its cross-entropy with labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence

from netsurgery.layers.loss import SCALAR, LossLayer, averaged, check_labels, ignoring
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import Averaged, Compared

if TYPE_CHECKING:
    from netsurgery.layers.layer import Layer


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

    def ignoring_fields(self, layer: Layer, label: int) -> Optional[Dict[str, Any]]:
        """One label can be passed over."""
        return ignoring(layer, "loss_param", label)

    def class_mean(self, layer: Layer) -> Averaged:
        """Over those with a label, where it does not say otherwise."""
        return averaged(layer, Averaged.VALID)

    def class_axis(self, layer: Layer, axes: int) -> int:
        """Its own block tells the axis of the scores that it reads."""
        return int(self.param(layer.parameter).axis) % max(axes, 1)

    def param(self, parameter: Any) -> Any:
        """Return the block of a ``LayerParameter`` that says along which axis the classes are."""
        return parameter.softmax_param
