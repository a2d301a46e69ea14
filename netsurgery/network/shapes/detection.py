"""Detector layers of the forks: prior boxes, regions, resizing."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from netsurgery.layers import Shape, ShapeNode, show
from netsurgery.network.shapes.base import rule

# Layers that cut regions out of bottom[0], one output for every row of bottom[1].
REGION_POOLINGS = ("PSROIPooling", "ROIAlign", "ROIPooling")


@rule("ROIPooling", "ROIAlign", bottoms=2, tops=(1, 2))
def roi_pooling(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """(regions, channels, pooled_h, pooled_w)."""
    is_align = node.layer.type == "ROIAlign"
    param = node.parameter.roi_align_param if is_align else node.parameter.roi_pooling_param
    text = f"has pooled_h {param.pooled_h} and pooled_w {param.pooled_w}"
    node.check(param.pooled_h > 0 and param.pooled_w > 0, text)
    return [(_regions(node), node.four()[1], param.pooled_h, param.pooled_w)] * node.tops


@rule("PSROIPooling", bottoms=2, tops=(1, 2))
def psroi_pooling(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """(regions, output_dim, group_size, group_size)."""
    param = node.parameter.psroi_pooling_param
    cells, channels = param.group_size, node.four()[1]
    wanted = param.output_dim * cells**2
    text = f"needs output_dim x group_size^2 = {wanted} channels, has {channels}"
    node.check(wanted and channels == wanted, text)
    return [(_regions(node), param.output_dim, cells, cells)] * node.tops


def _regions(node: ShapeNode) -> int:
    regions = node.bottoms[1]
    node.check(regions, f"has regions of shape {show(regions)}")
    assert regions
    return regions[0]


@rule("PriorBox", bottoms=2)
def prior_box(node: ShapeNode) -> Sequence[Shape]:
    """(1, 2, numbers of all boxes): the boxes, then their variances."""
    param = node.parameter.prior_box_param
    node.check(param.min_size, "has no min_size")
    _, _, height, width = node.four()
    sizes, larger = len(param.min_size), len(param.max_size)
    text = f"has {sizes} min_size but {larger} max_size"
    node.check(larger in (0, sizes), text)
    priors = len(_aspect_ratios(param)) * sizes + larger
    return [(1, 2, height * width * priors * 4)]


def _aspect_ratios(param: Any) -> List[float]:
    """1, the ratios given, and their inverses if flipped; each once."""
    found = [1.0]
    for ratio in param.aspect_ratio:
        if all(abs(ratio - known) >= 1e-6 for known in found):
            found += [ratio, 1.0 / ratio] if param.flip else [ratio]
    return found


@rule("Interp", bottoms=(1, 2), partial=True)
def interp(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """(num, channels, height, width) resized, or those of the second bottom."""
    if node.bottoms[0] is None:
        return [None]
    num, channels, *sizes = node.four()
    if len(node.bottoms) == 2:
        return [node.bottoms[1] and (num, channels, *node.four(1)[2:])]
    param = node.parameter.interp_param
    wanted = (param.height, param.width)
    found = [_interpolated(node, param, n, w) for n, w in zip(sizes, wanted)]
    text = f"resizes {show(node.bottom)} to {show(found)}"
    node.check(min(found) > 0, text)
    return [(num, channels, *found)]


def _interpolated(node: ShapeNode, param: Any, size: int, wanted: int) -> int:
    shrinks, zooms = param.HasField("shrink_factor"), param.HasField("zoom_factor")
    size += param.pad_beg + param.pad_end
    if not (shrinks or zooms):
        node.check(wanted > 0, "has neither factors nor height and width")
        return wanted
    node.check(param.shrink_factor > 0 and param.zoom_factor > 0, "has a factor below 1")
    if shrinks:
        size = (size - 1) // param.shrink_factor + 1
    return size + (size - 1) * (param.zoom_factor - 1) if zooms else size


@rule("Upsample", bottoms=(1, 2), partial=True)
def upsample(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """(num, channels, height, width), scaled or as asked for."""
    if node.bottoms[0] is None:
        return [None]
    param = node.parameter.upsample_param
    num, channels, height, width = node.four()
    if param.HasField("upsample_h") and param.HasField("upsample_w"):
        return [(num, channels, param.upsample_h, param.upsample_w)]
    high, wide = _scales(param)
    node.check(high > 0 and wide > 0, f"scales by {high} and {wide}")
    return [(num, channels, height * high - param.pad_out_h, width * wide - param.pad_out_w)]


def _scales(param: Any) -> Tuple[int, int]:
    if param.HasField("scale_h"):
        return param.scale_h, param.scale_w
    return param.scale, param.scale
