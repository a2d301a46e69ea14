"""Items of a batch that a selector lets pass."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.selecting import SelectingLayer
from netsurgery.layers.shape import Shape, count, show


@register_layer
class FilterLayer(SelectingLayer):
    """The items whose selector, the last bottom, is not 0."""

    name = "Filter"
    is_stock = True
    bottoms = (2, None)
    tops = (1, None)
    shape_fields = frozenset({"filter_param"})

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """Shapes at set-up: everything passes; afterwards the selector decides."""
        *items, selector = (shape or () for shape in node.bottoms)
        text = f"has {len(items)} bottoms besides the selector, but {node.tops} tops"
        node.check(len(items) == node.tops, text)
        single = count(selector[1:]) == 1
        node.check(single, f"has a selector of {show(selector)}; it may have one number an item")
        for shape in items:
            same = shape[:1] == selector[:1] != ()
            node.check(same, f"selects from {show(shape)} with a selector of {show(selector)}")
        return items

    def mixes_samples(self, layer: Layer) -> bool:
        """It leaves samples out."""
        return True
