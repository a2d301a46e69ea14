"""The sum with a trained offset, or with a second bottom."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.affine import AffineLayer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class BiasLayer(AffineLayer):
    """The bottom plus offsets."""

    name = "Bias"
    is_stock = True
    block = "bias_param"

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """The offsets, unless a second bottom brings them."""
        return [] if len(node.bottoms) > 1 else [self.operand(node)]
