"""What losses share: they compare a batch of predictions with a batch of labels."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import COMPARES, LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.shape import Shape, count, show

SCALAR: Shape = ()


class LossLayer(LayerType):
    """How far predictions are from labels: one number."""

    bottoms = (2, 2)
    tops = (0, 1)
    keeps = COMPARES

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """A scalar."""
        return [SCALAR]


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
