"""The product with a trained factor, or with a second bottom."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.affine import AffineLayer
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ScaleLayer(AffineLayer):
    """The bottom times factors, and plus offsets if it has a bias."""

    name = "Scale"
    is_stock = True
    block = "scale_param"

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """The factors, unless a second bottom brings them, and with bias_term the offsets."""
        given = node.bottoms[1] if len(node.bottoms) > 1 else None
        operand = self.operand(node) if given is None else given
        own = [operand] if given is None else []
        return own + [operand] * node.parameter.scale_param.bias_term

    def blobs_owned(self, node: ChannelNode) -> int:
        """The factors, and the offsets."""
        return super().blobs_owned(node) + node.parameter.scale_param.bias_term
