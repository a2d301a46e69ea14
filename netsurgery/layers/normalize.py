"""Channels divided by their norm, as SSD has it (Liu et al., 2016)."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import CHANNEL_WEIGHTS, BlobFacts


@register_layer
class NormalizeLayer(LayerType):
    """Every place divided by the norm of its channels, times a trained scale."""

    name = "Normalize"
    fork = "SSD"
    message = "norm_param"
    makes_unit_vectors = True
    opencv_names = ("Normalize",)
    opencv_fields = ("across_spatial", "channel_shared", "eps", "scale_filler")

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        return [node.bottom]

    def blobs(self, node: ShapeNode) -> Sequence[Shape]:
        """One scale a channel, or one for all."""
        return [() if node.parameter.norm_param.channel_shared else (node.four()[1],)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom, divided by the norm of all of them."""
        labels = node.along(1)
        node.ties.approximate(labels, f"{node} divides by the norm of all channels")
        if not node.parameter.norm_param.channel_shared:
            node.use(0, labels)
        return [node.bottoms[0]]

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """The factor of each channel."""
        return (CHANNEL_WEIGHTS,)
