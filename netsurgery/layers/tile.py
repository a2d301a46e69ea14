"""A value again and again along an axis."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.fields import says
from netsurgery.layers.labels import varying
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, resized


@register_layer
class TileLayer(LayerType):
    """The bottom, repeated."""

    name = "Tile"
    is_homogeneous = True
    is_stock = True
    message = "tile_param"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The axis is repeated."""
        param = node.parameter.tile_param
        axis = node.axis(param.axis)
        node.check(param.tiles > 0, "has no tiles, or 0 of them")
        return [resized(node.bottom, axis, node.bottom[axis] * param.tiles)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels again and again."""
        param, labels = node.parameter.tile_param, node.bottoms[0]
        axis = node.axis(param.axis)
        return [np.concatenate([labels] * param.tiles, axis) if axis in varying(labels) else labels]

    def mixes_samples(self, layer: Layer) -> bool:
        """Along the first axis it repeats samples."""
        return says(layer.parameter.tile_param, axis=0)
