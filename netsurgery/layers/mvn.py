"""Mean-variance normalisation of every sample."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class MVNLayer(LayerType):
    """Every channel of a sample, or all of them, less the mean and divided by the deviation."""

    name = "MVN"
    is_stock = True
    message = "mvn_param"
    opencv_names = ("MVN",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom, always with four axes."""
        return [node.four()]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom; across channels, each depends on all."""
        if node.parameter.mvn_param.across_channels:
            text = f"{node} takes mean and variance across all channels"
            node.ties.approximate(node.bottoms[0], text)
        node.along(1)
        labels = node.bottoms[0]
        return [labels.reshape(labels.shape + (1,) * (len(node.tops[0]) - labels.ndim))]

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It adds eps elsewhere."""
        given = layer.parameter.mvn_param.HasField("eps")
        return unheeded("Caffe's meaning of eps", layer) if given else None
