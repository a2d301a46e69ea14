"""Interpolated numbers in cells of regions, as Mask R-CNN has it (He et al., 2017)."""

from __future__ import annotations

from typing import Any

from netsurgery.layers.registry import register_layer
from netsurgery.layers.roi_pooling import ROIPoolingLayer


@register_layer
class ROIAlignLayer(ROIPoolingLayer):
    """Every region sampled to one size."""

    name = "ROIAlign"
    fork = ""

    def param(self, parameter: Any) -> Any:
        """Its own block."""
        return parameter.roi_align_param
