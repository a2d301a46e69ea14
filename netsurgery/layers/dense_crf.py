"""A dense conditional random field over scores of classes (DeepLab)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class DenseCRFLayer(LayerType):
    """Scores of classes that agree with the picture."""

    name = "DenseCRF"
    bottoms = (1, None)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the first bottom."""
        return [node.bottom]
