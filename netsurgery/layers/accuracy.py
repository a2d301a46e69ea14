"""The share of predictions that are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence

from netsurgery.layers.base import COMPARES, LayerType
from netsurgery.layers.loss import SCALAR, check_labels, ignoring
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import Compared

if TYPE_CHECKING:
    from netsurgery.layers.layer import Layer


@register_layer
class AccuracyLayer(LayerType):
    """How often the label is among the best, and how often of each class."""

    name = "Accuracy"
    is_stock = True
    bottoms = (2, 2)
    tops = (1, 2)
    keeps = COMPARES
    compares = Compared.CLASSES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar; then one number a class."""
        param = node.parameter.accuracy_param
        axis = node.axis(param.axis)
        check_labels(node, axis)
        classes = node.bottom[axis]
        node.check(param.top_k <= classes, f"asks for the top {param.top_k} of {classes} classes")
        return [SCALAR, (classes,)]

    def ignoring_fields(self, layer: Layer, label: int) -> Optional[Dict[str, Any]]:
        """One label can be passed over."""
        return ignoring(layer, "accuracy_param", label)
