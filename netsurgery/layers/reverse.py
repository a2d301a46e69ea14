"""An axis the other way round, such as that of time."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ReverseLayer(LayerType):
    """The bottom with one axis reversed."""

    name = "Reverse"
    fork = "CRNN"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.axis(node.parameter.reverse_param.axis)
        return [node.bottom]

    def mixes_samples(self, layer: Layer) -> bool:
        """It may change their order."""
        return True
