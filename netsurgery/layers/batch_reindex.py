"""Items of a batch in the order that indices give."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.selecting import SelectingLayer
from netsurgery.layers.shape import Shape, show


@register_layer
class BatchReindexLayer(SelectingLayer):
    """The items of the first bottom that the second numbers."""

    name = "BatchReindex"
    is_stock = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """One item for every index."""
        indices = node.bottoms[1] or ()
        node.check(len(indices) == 1, f"has indices of {show(indices)}; it needs one axis")
        return [(*indices, *node.bottom[1:])]

    def mixes_samples(self, layer: Layer) -> bool:
        """It changes the order of samples."""
        return True
