"""Local response normalisation (Krizhevsky et al., 2012)."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show


@register_layer
class LRNLayer(LayerType):
    """Every number divided by a power of the squares around it."""

    name = "LRN"
    aliases = ("MKLLRN",)
    is_stock = True
    message = "lrn_param"
    chooses_engine = True
    opencv_names = ("LRN",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        param = node.parameter.lrn_param
        node.check(len(node.bottom) == 4, f"needs 4 axes, has {show(node.bottom)}")
        odd = param.local_size % 2 == 1
        node.check(odd, f"needs an odd local_size, has {param.local_size}")
        return [node.bottom]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom; across channels, each depends on its neighbours."""
        param = node.parameter.lrn_param
        if param.norm_region == param.ACROSS_CHANNELS:
            text = f"{node} divides each channel by what its neighbours are"
            node.ties.approximate(node.along(1), text)
        return [node.bottoms[0]]

    def spoils_its_bottom(self, layer: Layer) -> bool:
        """Across channels it reads the neighbours of what it writes."""
        parameter = layer.parameter.lrn_param
        return bool(parameter.norm_region == parameter.ACROSS_CHANNELS)

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It reads only what is written, and its own default of alpha is 0.0001."""
        parameter = layer.parameter.lrn_param
        across = parameter.norm_region == parameter.ACROSS_CHANNELS
        if parameter.HasField("alpha") and not (across and parameter.k != 1):
            return None
        return unheeded("k, or Caffe's default of alpha,", layer)

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """0 stays 0, whatever it is divided by."""
        return [np.where(node.bottoms[0] == 0, 0, np.nan)]
