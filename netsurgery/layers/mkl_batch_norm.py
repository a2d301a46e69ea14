"""Batch normalisation of Intel's Caffe, whose engine decides which blobs it has."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.batch_norm import NormalisingLayer
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.normalising import NormalisationBlobs
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class MKLBatchNormLayer(NormalisingLayer):
    """Batch normalisation with blobs that the prototxt does not tell."""

    name = "MKLBatchNorm"

    def places(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """The prototxt does not tell."""
        return None

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.check(len(node.bottom) >= 2, f"needs 2 axes or more, has {show(node.bottom)}")
        return [node.bottom]
