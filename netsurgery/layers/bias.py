"""The sum with a trained offset, or with a second bottom."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from netsurgery.formats import Blob
from netsurgery.layers.affine import AffineLayer
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.scale_shift import Axis, PerChannel, read_vector
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import BIAS, BlobFacts


@register_layer
class BiasLayer(AffineLayer):
    """The bottom plus offsets."""

    name = "Bias"
    is_stock = True
    message = "bias_param"
    may_be_zero = True

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """The offsets, unless a second bottom brings them."""
        return [] if len(node.bottoms) > 1 else [self.operand(node)]

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """What it adds."""
        return (BIAS,)

    def per_channel(self, layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
        """What it adds."""
        shift = read_vector(layer, layer.parameter.bias_param, blobs[0], axis)
        shift_blob = 0 if blobs[0].count == axis.channels else None
        return PerChannel(layer, np.ones(axis.channels), shift, shift_blob)

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The sum with a blob or a second bottom."""
        if len(node.bottoms) == 1 and not node.blobs:
            return node.unknown()
        return [node.bottoms[0] + self.held_operand(node)]
