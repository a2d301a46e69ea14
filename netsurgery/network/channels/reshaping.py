"""Channels through layers that only move numbers about, and what such a layer says of sizes."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, List

import numpy as np

from netsurgery.layers import ChannelNode, Fields, Kept, Layer, reshaped, spread, varying
from netsurgery.network.channels.base import edit, rule


@rule("Flatten", "Reshape")
def reshape(node: ChannelNode) -> List[np.ndarray]:
    """The labels in the order of the numbers: a channel owns all its pixels."""
    return [reshaped(node.bottoms[0], node.shapes[0], node.tops[0])]


@edit("Reshape")
def shrink_reshape(layer: Layer, kept: Kept) -> Fields:
    """Sizes that are written out, where they count channels."""
    bottom, top = kept.get(layer.bottoms[0]), kept.get(layer.tops[0])
    if bottom is None or top is None:
        return {}
    param = layer.parameter.reshape_param
    start = param.axis if param.axis >= 0 else bottom.axes + param.axis + 1
    dims = list(param.shape.dim)
    for axis, dim in enumerate(dims, start):
        if axis == top.axis and (dim > 0 or (dim == 0 and axis != bottom.axis)):
            dims[axis - start] = top.size
        elif axis == bottom.axis != top.axis and dim == 0:
            dims[axis - start] = len(bottom.mask)  # it was a copy of what is smaller now
    return {} if dims == list(param.shape.dim) else {"reshape_param.shape.dim": dims}


@rule("Concat")
def concat(node: ChannelNode) -> List[np.ndarray]:
    """The channels one after another; along another axis, tied one to one."""
    axis = _joint_axis(node, node.parameter.concat_param, "concat_dim")
    if all(set(varying(labels)) <= {axis} for labels in node.bottoms):
        rows = [spread(one, node.shapes[i], [axis]) for i, one in enumerate(node.bottoms)]
        return [np.concatenate(rows, axis)]
    first = node.bottoms[0].take([0], axis)
    for labels in node.bottoms:
        node.ties.tie(first, labels)
    return [first]


@rule("Slice")
def slices(node: ChannelNode) -> List[np.ndarray]:
    """Each top has its part of the channels."""
    axis = _joint_axis(node, node.parameter.slice_param, "slice_dim")
    if axis not in varying(node.bottoms[0]):
        return [node.bottoms[0]] * len(node.tops)
    points = list(accumulate(shape[axis] for shape in node.tops[:-1]))
    return np.split(node.bottoms[0], points, axis)


@edit("Slice")
def shrink_slice(layer: Layer, kept: Kept) -> Fields:
    """The points of the cut; equal parts that became unequal get points."""
    bottom, param = kept.get(layer.bottoms[0]), layer.parameter.slice_param
    axis = param.slice_dim if param.HasField("slice_dim") else param.axis
    tops = len(layer.tops)
    if bottom is None or tops < 2 or axis % bottom.axes != bottom.axis:
        return {}
    size = len(bottom.mask)
    points = list(param.slice_point) or [size * i // tops for i in range(1, tops)]
    remaining = np.cumsum(bottom.mask)
    found = [int(remaining[point - 1]) for point in points]
    widths = np.diff([0, *found, bottom.size])
    if not param.slice_point and len(set(widths.tolist())) == 1:
        return {}
    return {"slice_param.slice_point": found}


@rule("Permute")
def permute(node: ChannelNode) -> List[np.ndarray]:
    """The labels with their axes in the new order."""
    order = list(node.parameter.permute_param.order)
    order += [axis for axis in range(len(node.shapes[0])) if axis not in order]
    return [node.bottoms[0].transpose(order)]


@rule("Crop")
def crop(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the first bottom; the second gives sizes from `axis` on."""
    axis = node.axis(node.parameter.crop_param.axis)
    labels, reference = node.bottoms
    if any(one >= axis for one in (*varying(labels), *varying(reference))):
        if node.shapes[0] != node.tops[0] or labels.ndim != reference.ndim:
            return node.barrier("cuts across them")
        node.ties.tie(labels, reference)
    return [labels]


@rule("Tile")
def tile(node: ChannelNode) -> List[np.ndarray]:
    """The channels again and again."""
    param, labels = node.parameter.tile_param, node.bottoms[0]
    axis = node.axis(param.axis)
    return [np.concatenate([labels] * param.tiles, axis) if axis in varying(labels) else labels]


@rule("CReLU")
def crelu(node: ChannelNode) -> List[np.ndarray]:
    """Every channel twice: x, then -x."""
    axis, labels = node.axis(node.parameter.crelu_param.concat_axis), node.bottoms[0]
    return [np.concatenate([labels, labels], axis) if axis in varying(labels) else labels]


@rule("ShuffleChannel")
def shuffle_channel(node: ChannelNode) -> List[np.ndarray]:
    """The channels in another order; the j-th of all groups go together, which keeps it."""
    rows = node.along(1).reshape(node.parameter.shuffle_channel_param.group, -1)
    node.ties.tie(rows, rows[:1])
    return [node.placed(rows.T.ravel(), 1)]


@rule("Im2col")
def im2col(node: ChannelNode) -> List[np.ndarray]:
    """Every channel once for each place of the kernel."""
    axis = node.axis(node.parameter.convolution_param.axis)
    labels = node.along(axis)
    return [node.placed(np.repeat(labels, node.tops[0][axis] // len(labels)), axis)]


def _joint_axis(node: ChannelNode, param: Any, legacy: str) -> int:
    """The axis of a Concat or Slice, which may be given under its older name."""
    return node.axis(getattr(param, legacy) if param.HasField(legacy) else param.axis)
