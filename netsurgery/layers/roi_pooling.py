"""The maximum in cells of regions, as Fast R-CNN has it (Girshick, 2015)."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import numpy as np

from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.region_pooling import RegionPoolingLayer, count_regions
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ROIPoolingLayer(RegionPoolingLayer):
    """Every region pooled to one size."""

    name = "ROIPooling"
    fork = "Fast R-CNN"
    opencv_names = ("ROIPooling",)

    def shapes(self, node: ShapeNode) -> Sequence[Optional[Shape]]:
        """(regions, channels, pooled_h, pooled_w)."""
        param = self.param(node.parameter)
        text = f"has pooled_h {param.pooled_h} and pooled_w {param.pooled_w}"
        node.check(param.pooled_h > 0 and param.pooled_w > 0, text)
        return [(count_regions(node), node.four()[1], param.pooled_h, param.pooled_w)] * node.tops

    def param(self, parameter: Any) -> Any:
        """Return the block of a ``LayerParameter`` that says to which size."""
        return parameter.roi_pooling_param

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the first bottom; the second holds regions."""
        node.ties.pin(node.bottoms[1], f"{node} takes them as regions")
        return [node.placed(node.along(1), 1)] * len(node.tops)
