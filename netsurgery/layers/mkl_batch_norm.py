"""Batch normalisation of Intel's Caffe, whose engine decides which blobs it has."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.normalising import BaseNormalisingLayer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class MKLBatchNormLayer(BaseNormalisingLayer):
    """Batch normalisation with blobs that the prototxt does not tell."""

    name = "MKLBatchNorm"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.check(len(node.bottom) >= 2, f"needs 2 axes or more, has {show(node.bottom)}")
        return [node.bottom]
