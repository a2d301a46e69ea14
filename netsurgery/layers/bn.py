"""Batch normalisation and scaling at once, of SegNet, of Yjxiong's Caffe and of PSPNet."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.batch_norm import NormalisingLayer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class BNLayer(NormalisingLayer):
    """Batch normalisation with a scale and a shift of its own."""

    name = "BN"
    fork = "SegNet"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        return [node.bottom]
