"""What a user feeds."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class InputLayer(LayerType):
    """Values that are fed."""

    name = "Input"
    is_stock = True
    bottoms = (0, 0)
    tops = (1, None)
    message = "input_param"
    is_input = True
    opencv_names = ("Input",)

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """The shapes as written: one for all tops, or one each."""
        shapes = [tuple(shape.dim) for shape in node.parameter.input_param.shape]
        text = f"has {len(shapes)} shapes for {node.tops} tops"
        node.check(len(shapes) in (0, 1, node.tops), text)
        if not shapes:
            return [None] * node.tops
        return shapes if len(shapes) == node.tops else shapes * node.tops
