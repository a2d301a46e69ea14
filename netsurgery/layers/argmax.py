"""The places of the largest numbers."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.fields import says
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count


@register_layer
class ArgMaxLayer(LayerType):
    """Where the largest numbers stand along an axis, or in each item."""

    name = "ArgMax"
    is_stock = True
    keeps = "looks for the largest of them"
    message = "argmax_param"
    picks_classes = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The best top_k along `axis`, or of each item."""
        param, bottom = node.parameter.argmax_param, node.bottom
        by_axis = param.HasField("axis")
        node.check(bottom, "needs 1 axis or more, has none")
        axis = node.axis(param.axis) if by_axis else 1
        choices = bottom[axis] if by_axis else count(bottom[1:])
        fits = 1 <= param.top_k <= choices
        node.check(fits, f"asks for the top {param.top_k} of {choices} numbers")
        if by_axis:
            return [(*bottom[:axis], param.top_k, *bottom[axis + 1 :])]
        found = (bottom[0], 2 if param.out_max_val else 1, param.top_k)
        return [found + (1,) * (len(bottom) - 3)]

    def classes_picked(self, layer: Layer) -> Optional[int]:
        """How many classes it names; none where it gives their scores as well."""
        parameter = layer.parameter.argmax_param
        return None if parameter.out_max_val else max(int(parameter.top_k), 1)

    def mixes_samples(self, layer: Layer) -> bool:
        """Along the first axis it compares samples."""
        return says(layer.parameter.argmax_param, axis=0)
