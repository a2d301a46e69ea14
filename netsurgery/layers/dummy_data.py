"""Values that fillers make."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class DummyDataLayer(LayerType):
    """Constants and random numbers."""

    name = "DummyData"
    is_stock = True
    bottoms = (0, 0)
    tops = (1, None)
    feeds_itself = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shapes as written, in either of the two ways."""
        param = node.parameter.dummy_data_param
        legacy = (param.num, param.channels, param.height, param.width)
        node.check(not (param.shape and param.num), "has shape as well as num")
        given = [len(param.shape)] if param.shape else [len(field) for field in legacy]
        valid = all(number in (1, node.tops) for number in given)
        node.check(valid, f"needs one shape, or one for each of its {node.tops} tops")
        if param.shape:
            shapes = [tuple(shape.dim) for shape in param.shape]
            return shapes if len(shapes) == node.tops else shapes * node.tops
        rows = [
            list(field) if len(field) == node.tops else [field[0]] * node.tops for field in legacy
        ]
        return list(zip(*rows))
