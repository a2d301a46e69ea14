"""Batch normalisation (Ioffe and Szegedy, 2015), of stock Caffe, of NVIDIA and of Intel."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.normalising import NormalisationBlobs, blob_shapes, places_of
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


class NormalisingLayer(LayerType):
    """Every channel less its mean, divided by its deviation."""

    def places(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """Return which blobs hold what, or None where the prototxt does not tell."""
        return places_of(layer)

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Mean and variance of every channel, the factor of both, or what forks have."""
        if self.places(node.layer) is None:
            return None
        return blob_shapes(node.layer, node.bottom[1])

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom; forks differ in how many blobs they have for each."""
        labels = node.along(1)
        for blob in self._blobs_of_channels(node, len(labels)):
            node.use(blob, labels)
        return [node.bottoms[0]]

    def _blobs_of_channels(self, node: ChannelNode, channels: int) -> List[int]:
        trained = node.weights.blobs(node.layer.name) if node.weights else ()
        places = self.places(node.layer)
        if places is not None and len(trained) in (0, places.blobs):
            return list(places.channels)
        if not trained:
            return [0, 1]
        return [index for index, blob in enumerate(trained) if blob.count == channels]


@register_layer
class BatchNormLayer(NormalisingLayer):
    """Batch normalisation, with a Scale behind it in stock Caffe."""

    name = "BatchNorm"
    is_stock = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.check(len(node.bottom) >= 2, f"needs 2 axes or more, has {show(node.bottom)}")
        return [node.bottom]
