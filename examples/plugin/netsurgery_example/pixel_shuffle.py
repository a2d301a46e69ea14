"""Channels made pixels (Shi et al. 2016): a layer that stock Caffe lacks."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers import ChannelNode, Layer, LayerType, Shape, ShapeNode, register_layer


@register_layer
class PixelShuffleLayer(LayerType):
    """Of every factor x factor channels one map, larger by that factor."""

    name = "PixelShuffle"
    own_fields = frozenset({"pixel_shuffle_param"})

    def factor(self, layer: Layer) -> int:
        """How many times higher and wider the maps become."""
        return int(layer.text.written("pixel_shuffle_param.factor")[0])

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(num, channels / factor^2, height x factor, width x factor)."""
        factor = self.factor(node.layer)
        num, channels, height, width = node.four()
        node.check(channels % factor**2 == 0, f"makes maps of {channels} channels in runs")
        return [(num, channels // factor**2, height * factor, width * factor)]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """Those that become one map go together."""
        runs = node.along(1).reshape(-1, self.factor(node.layer) ** 2)
        node.ties.tie(runs, runs[:, :1])
        return [node.placed(runs[:, 0], 1)]
