"""The product with a trained factor, or with a second bottom."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from netsurgery.formats import Blob
from netsurgery.layers.affine import AffineLayer
from netsurgery.layers.constants import product_of
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.scale_shift import Axis, PerChannel, read_vector, refuse
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import BIAS, CHANNEL_WEIGHTS, BlobFacts


@register_layer
class ScaleLayer(AffineLayer):
    """The bottom times factors, and plus offsets if it has a bias."""

    name = "Scale"
    is_stock = True
    message = "scale_param"
    opencv_names = ("Scale",)

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """The factors, unless a second bottom brings them, and with bias_term the offsets."""
        given = node.bottoms[1] if len(node.bottoms) > 1 else None
        operand = self.operand(node) if given is None else given
        own = [operand] if given is None else []
        return own + [operand] * node.parameter.scale_param.bias_term

    def blobs_owned(self, node: ChannelNode) -> int:
        """The factors, and the offsets."""
        return super().blobs_owned(node) + node.parameter.scale_param.bias_term

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """The factors, unless a second bottom holds them, and the bias."""
        return (CHANNEL_WEIGHTS, BIAS) if len(layer.bottoms) < 2 else (BIAS,)

    def per_channel(self, layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
        """Its factors, and what it adds."""
        parameter = layer.parameter.scale_param
        if len(blobs) != 1 + parameter.bias_term:
            held = len(blobs)
            refuse(layer, f"the weights hold {held} blobs, the prototxt asks for another number")
        scale = read_vector(layer, parameter, blobs[0], axis)
        if not parameter.bias_term:
            return PerChannel(layer, scale, np.zeros(axis.channels), None)
        shift = read_vector(layer, parameter, blobs[1], axis)
        return PerChannel(layer, scale, shift, 1 if blobs[1].count == axis.channels else None)

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """The product with a blob or a second bottom, and what is added to it."""
        param = node.parameter.scale_param
        blobs = list(node.blobs)
        if len(blobs) != (len(node.bottoms) == 1) + param.bias_term:
            return node.unknown()
        made = product_of(node.bottoms[0], self.held_operand(node))
        if param.bias_term:
            made = made + node.placed(blobs[-1], self.first_axis(node))
        return [made]
