"""Position-sensitive pooling, as R-FCN has it (Dai et al., 2016)."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.region_pooling import RegionPoolingLayer, count_regions
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class PSROIPoolingLayer(RegionPoolingLayer):
    """The mean in cells of regions, each cell of channels of its own."""

    name = "PSROIPooling"
    fork = "R-FCN"
    keeps = "takes them as position-sensitive maps"
    opencv_names = ("PSROIPooling",)

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """(regions, output_dim, group_size, group_size)."""
        param = node.parameter.psroi_pooling_param
        cells, channels = param.group_size, node.four()[1]
        wanted = param.output_dim * cells**2
        text = f"needs output_dim x group_size^2 = {wanted} channels, has {channels}"
        node.check(wanted and channels == wanted, text)
        return [(count_regions(node), param.output_dim, cells, cells)] * node.tops
