"""Values written to an HDF5 file."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class HDF5OutputLayer(LayerType):
    """Data and labels, into a file."""

    name = "HDF5Output"
    is_stock = True
    bottoms = (2, 2)
    tops = (0, 0)
    partial = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """No tops."""
        return []
