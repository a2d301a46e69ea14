"""Layers that only move numbers about: reshape, flatten, concatenate, slice, crop, permute."""

from __future__ import annotations

from typing import Any, Sequence

from netsurgery.layers import Shape, ShapeNode, count, show
from netsurgery.network.shapes.base import rule


@rule("Reshape", in_place=False)
def reshape(node: ShapeNode) -> Sequence[Shape]:
    """The axes asked for in the place of some of the bottom."""
    param, bottom = node.parameter.reshape_param, node.bottom
    start = param.axis if param.axis >= 0 else len(bottom) + param.axis + 1
    axes = len(bottom) - start if param.num_axes == -1 else param.num_axes
    inside = min(start, axes) >= 0 and start + axes <= len(bottom)
    text = f"replaces {param.num_axes} axes from axis {param.axis} on of {show(bottom)}"
    node.check(inside and param.num_axes >= -1, text)
    dims = [_copied(node, start + i) if dim == 0 else dim for i, dim in enumerate(param.shape.dim)]
    shape = (*bottom[:start], *dims, *bottom[start + axes :])
    wanted = show([*bottom[:start], *param.shape.dim, *bottom[start + axes :]])
    top = _inferred(node, shape, wanted)
    text = f"reshapes {show(bottom)} ({count(bottom)} numbers) to {wanted} ({count(top)})"
    node.check(count(top) == count(bottom), text)
    return [top]


def _copied(node: ShapeNode, axis: int) -> int:
    text = f"copies axis {axis} (dim: 0), but its bottom is {show(node.bottom)}"
    node.check(axis < len(node.bottom), text)
    return node.bottom[axis]


def _inferred(node: ShapeNode, shape: Shape, wanted: str) -> Shape:
    """Put the one size that fits in the place of -1."""
    node.check(shape.count(-1) <= 1, f"leaves more than one size open (dim: -1) in {wanted}")
    node.check(min(shape, default=0) >= -1, f"has a negative size in {wanted}")
    if -1 not in shape:
        return shape
    known, total = -count(shape), count(node.bottom)
    text = f"reshapes {show(node.bottom)} ({total} numbers) to {wanted}: not divisible by {known}"
    node.check(known and total % known == 0, text)
    return tuple(total // known if dim == -1 else dim for dim in shape)


@rule("Flatten", in_place=False)
def flatten(node: ShapeNode) -> Sequence[Shape]:
    """Axes from `axis` to `end_axis` become one."""
    param, bottom = node.parameter.flatten_param, node.bottom
    start, end = node.axis(param.axis), node.axis(param.end_axis)
    node.check(start <= end + 1, f"flattens from axis {start} to axis {end}")
    return [(*bottom[:start], count(bottom[start : end + 1]), *bottom[end + 1 :])]


@rule("Concat", bottoms=(1, None))
def concat(node: ShapeNode) -> Sequence[Shape]:
    """Sizes add up along the axis, the others agree."""
    axis = _joint(node, node.parameter.concat_param, "concat_dim")
    first = node.bottom
    for position, shape in enumerate(node.bottoms):
        assert shape is not None
        alike = _without(shape, axis) == _without(first, axis) and len(shape) == len(first)
        blob = node.layer.bottoms[position].blob
        text = f"joins {show(first)} and {show(shape)} (bottom {blob!r}) at axis {axis}"
        node.check(alike, text)
    total = sum(shape[axis] for shape in node.bottoms if shape)
    return [_resized(first, axis, total)]


@rule("Slice", tops=(1, None))
def slices(node: ShapeNode) -> Sequence[Shape]:
    """The axis is cut at the slice points, or into equal parts."""
    param = node.parameter.slice_param
    axis = _joint(node, param, "slice_dim")
    size, tops = node.bottom[axis], node.tops
    if param.slice_point:
        points = [0, *param.slice_point, size]
        text = f"has {len(param.slice_point)} slice_point for {tops} tops"
        node.check(len(points) == tops + 1, text)
        widths = [after - before for before, after in zip(points, points[1:])]
        node.check(min(widths) > 0, f"cuts {size} at {list(param.slice_point)}")
    else:
        node.check(size % tops == 0, f"cuts {size} into {tops} equal parts")
        widths = [size // tops] * tops
    return [_resized(node.bottom, axis, width) for width in widths]


def _joint(node: ShapeNode, param: Any, legacy: str) -> int:
    """The axis of a Concat or Slice, which may be given under its older name."""
    both = param.HasField("axis") and param.HasField(legacy)
    node.check(not both, f"has axis as well as {legacy}")
    return node.axis(getattr(param, legacy) if param.HasField(legacy) else param.axis)


@rule("Crop", bottoms=2)
def crop(node: ShapeNode) -> Sequence[Shape]:
    """Sizes of the second bottom from `axis` on."""
    param, bottom = node.parameter.crop_param, node.bottom
    axis, reference = node.axis(param.axis), node.bottoms[1] or ()
    axes, offsets = len(bottom) - axis, list(param.offset)
    node.check(len(reference) >= len(bottom), f"crops {show(bottom)} to {show(reference)}")
    node.check(len(offsets) in (0, 1, axes), f"has {len(offsets)} offsets for {axes} axes")
    offsets = offsets if len(offsets) == axes else (offsets or [0]) * axes
    fits = all(o + r <= b for o, r, b in zip(offsets, reference[axis:], bottom[axis:]))
    text = f"crops {show(bottom)} to {show(reference)} from axis {axis} at offset {offsets}"
    node.check(fits, text)
    return [(*bottom[:axis], *reference[axis : len(bottom)])]


@rule("Tile")
def tile(node: ShapeNode) -> Sequence[Shape]:
    """The axis is repeated."""
    param = node.parameter.tile_param
    axis = node.axis(param.axis)
    node.check(param.tiles > 0, "has no tiles, or 0 of them")
    return [_resized(node.bottom, axis, node.bottom[axis] * param.tiles)]


@rule("Permute")
def permute(node: ShapeNode) -> Sequence[Shape]:
    """The axes in the given order, then those not named."""
    axes, order = len(node.bottom), list(node.parameter.permute_param.order)
    valid = len(set(order)) == len(order) and all(axis < axes for axis in order)
    node.check(valid, f"has order {order} for the {axes} axes of its bottom")
    order += [axis for axis in range(axes) if axis not in order]
    return [tuple(node.bottom[axis] for axis in order)]


@rule("Transpose")
def transpose(node: ShapeNode) -> Sequence[Shape]:
    """The axes in the given order, all of them named."""
    axes, order = len(node.bottom), list(node.parameter.transpose_param.dim)
    text = f"has dim {order} for the {axes} axes of its bottom"
    node.check(sorted(order) == list(range(axes)), text)
    return [tuple(node.bottom[axis] for axis in order)]


@rule("CReLU")
def crelu(node: ShapeNode) -> Sequence[Shape]:
    """The axis doubles: x, then -x."""
    axis = node.axis(node.parameter.crelu_param.concat_axis)
    return [_resized(node.bottom, axis, 2 * node.bottom[axis])]


@rule("ShuffleChannel")
def shuffle_channel(node: ShapeNode) -> Sequence[Shape]:
    """The shape of the bottom."""
    group, channels = node.parameter.shuffle_channel_param.group, node.four()[1]
    fits = group > 0 and channels % group == 0
    node.check(fits, f"shuffles {channels} channels in {group} groups")
    return [node.bottom]


@rule("Reorg")
def reorg(node: ShapeNode) -> Sequence[Shape]:
    """Blocks of stride x stride pixels become channels, or with `reverse` back."""
    param = node.parameter.reorg_param
    step = param.stride
    node.check(step > 0, "has no stride, or a stride of 0")
    num, channels, height, width = node.four()
    whole = [channels % step**2] if param.reverse else [height % step, width % step]
    node.check(not any(whole), f"reorganises {show(node.bottom)} by a stride of {step}")
    if param.reverse:
        return [(num, channels // step**2, height * step, width * step)]
    return [(num, channels * step**2, height // step, width // step)]


@rule("Filter", bottoms=(2, None), tops=(1, None))
def filter_(node: ShapeNode) -> Sequence[Shape]:
    """Shapes at set-up: everything passes; afterwards the selector decides."""
    *items, selector = (shape or () for shape in node.bottoms)
    text = f"has {len(items)} bottoms besides the selector, but {node.tops} tops"
    node.check(len(items) == node.tops, text)
    single = count(selector[1:]) == 1
    node.check(single, f"has a selector of {show(selector)}; it may have one number an item")
    for shape in items:
        same = shape[:1] == selector[:1] != ()
        node.check(same, f"selects from {show(shape)} with a selector of {show(selector)}")
    return items


@rule("BatchReindex", bottoms=2)
def batch_reindex(node: ShapeNode) -> Sequence[Shape]:
    """One item for every index."""
    indices = node.bottoms[1] or ()
    node.check(len(indices) == 1, f"has indices of {show(indices)}; it needs one axis")
    return [(*indices, *node.bottom[1:])]


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])


def _resized(shape: Shape, axis: int, size: int) -> Shape:
    return (*shape[:axis], size, *shape[axis + 1 :])
