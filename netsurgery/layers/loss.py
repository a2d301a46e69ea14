"""What losses share: they compare a batch of predictions with a batch of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence

from netsurgery.layers.base import COMPARES, LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.shape import Shape, count, show
from netsurgery.layers.traits import Averaged

if TYPE_CHECKING:
    from netsurgery.layers.layer import Layer

SCALAR: Shape = ()


class LossLayer(LayerType):
    """How far predictions are from labels: one number."""

    bottoms = (2, 2)
    tops = (0, 1)
    keeps = COMPARES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        return [SCALAR]


def ignoring(layer: Layer, block: str, label: int) -> Optional[Dict[str, Any]]:
    """Return the fields with which a layer passes over a label; None if it does over another one.

    Args:
        layer: The layer.
        block: The block of a ``LayerParameter`` that may say which label is ignored.
        label: The label.
    """
    rule = getattr(layer.parameter, block)
    if not rule.HasField("ignore_label"):
        return {f"{block}.ignore_label": label}
    return {} if rule.ignore_label == label else None


def averaged(layer: Layer, usual: Averaged) -> Averaged:
    """Return over what a loss with a ``loss_param`` is a mean.

    Args:
        layer: The layer.
        usual: Over what, where it does not say so.
    """
    rule = layer.parameter.loss_param
    if not rule.HasField("normalization") and rule.HasField("normalize"):
        return Averaged.VALID if rule.normalize else Averaged.INPUTS
    if not rule.HasField("normalization"):
        return usual
    words = rule.DESCRIPTOR.fields_by_name["normalization"].enum_type.values_by_number
    return Averaged(words[rule.normalization].name)


class FourAxesLossLayer(LossLayer):
    """A loss that takes scores for four axes: no more of them."""

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        check_same_batch(node)
        node.four()
        return [SCALAR]


def check_same_batch(node: ShapeNode) -> None:
    """Refuse a layer whose first two bottoms have other numbers of items.

    Raises:
        NetworkError: They have.
    """
    first, second = node.bottom, node.bottoms[1] or ()
    same = first[:1] == second[:1] != ()
    node.check(same, f"compares {show(first)} with {show(second)}")


def check_labels(node: ShapeNode, axis: int) -> None:
    """Refuse a layer whose second bottom has not one label for each prediction along an axis.

    Raises:
        NetworkError: It has not.
    """
    labels = count(node.bottoms[1] or ())
    cells = count(node.bottom[:axis]) * count(node.bottom[axis + 1 :])
    text = f"has {labels} labels for {cells} predictions (all axes but {axis})"
    node.check(cells == labels, text)
