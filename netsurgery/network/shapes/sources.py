"""Layers without bottoms: what they make is written in their parameter, or in files."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from netsurgery.layers import Shape, ShapeNode
from netsurgery.network.shapes.base import parameters, rule

ANY_TOPS = (1, None)


@rule("Input", bottoms=0, tops=ANY_TOPS)
def input_(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """The shapes as written: one for all tops, or one each."""
    shapes = [tuple(shape.dim) for shape in node.parameter.input_param.shape]
    text = f"has {len(shapes)} shapes for {node.tops} tops"
    node.check(len(shapes) in (0, 1, node.tops), text)
    if not shapes:
        return [None] * node.tops
    return shapes if len(shapes) == node.tops else shapes * node.tops


@rule("Parameter", bottoms=0)
@parameters("Parameter")
def parameter(node: ShapeNode) -> Sequence[Shape]:
    """The shape as written: the top is the blob."""
    return [tuple(node.parameter.parameter_param.shape.dim)]


@rule("ContinuationIndicator", bottoms=(0, 1))
def continuation_indicator(node: ShapeNode) -> Sequence[Shape]:
    """(time_step, batch_size): 0 where a sequence begins, 1 where it goes on."""
    param = node.parameter.continuation_indicator_param
    shape = (param.time_step, param.batch_size)
    node.check(min(shape) > 0, "needs time_step and batch_size above 0")
    return [shape]


@rule("DummyData", bottoms=0, tops=ANY_TOPS)
def dummy_data(node: ShapeNode) -> Sequence[Shape]:
    """The shapes as written, in either of the two ways."""
    param = node.parameter.dummy_data_param
    legacy = (param.num, param.channels, param.height, param.width)
    node.check(not (param.shape and param.num), "has shape as well as num")
    given = [len(param.shape)] if param.shape else [len(field) for field in legacy]
    valid = all(number in (1, node.tops) for number in given)
    node.check(valid, f"needs one shape, or one for each of its {node.tops} tops")
    if param.shape:
        shapes = [tuple(shape.dim) for shape in param.shape]
        return shapes if len(shapes) == node.tops else shapes * node.tops
    rows = [list(field) if len(field) == node.tops else [field[0]] * node.tops for field in legacy]
    return list(zip(*rows))


@rule("MemoryData", bottoms=0, tops=2)
def memory_data(node: ShapeNode) -> Sequence[Shape]:
    """Images as written, and their labels."""
    param = node.parameter.memory_data_param
    shape = (param.batch_size, param.channels, param.height, param.width)
    node.check(min(shape) > 0, "needs batch_size, channels, height and width above 0")
    return [shape, (param.batch_size,)]


@rule("Data", bottoms=0, tops=(1, 2))
def data(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """Batch, channels and crop, and the labels."""
    batch, crop = node.parameter.data_param.batch_size, node.parameter.transform_param.crop_size
    return _images(node, batch, _transformed_channels(node), crop, crop)


@rule("ImageData", bottoms=0, tops=2)
def image_data(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """Batch, colour, and crop or new size, and the labels."""
    param, crop = node.parameter.image_data_param, node.parameter.transform_param.crop_size
    channels = 3 if param.is_color else 1
    height, width = crop or param.new_height, crop or param.new_width
    return _images(node, param.batch_size, channels, height, width)


@rule("WindowData", bottoms=0, tops=2)
def window_data(node: ShapeNode) -> Sequence[Optional[Shape]]:
    """Batch, colour and crop, and the labels."""
    param, crop = node.parameter.window_data_param, node.parameter.transform_param.crop_size
    return _images(node, param.batch_size, 3, crop, crop)


def _images(
    node: ShapeNode, batch: int, channels: Optional[int], height: int, width: int
) -> Sequence[Optional[Shape]]:
    """Images and their labels; what the files alone would tell is unknown."""
    if not batch:
        return [None] * node.tops
    known = channels and height and width
    return [(batch, channels or 0, height, width) if known else None, (batch,)]


def _transformed_channels(node: ShapeNode) -> Optional[int]:
    transform = node.parameter.transform_param
    if transform.force_color or transform.force_gray:
        return 3 if transform.force_color else 1
    if len(transform.mean_value) > 1:
        return len(transform.mean_value)
    return _channels_read(node)


def _channels_read(node: ShapeNode) -> Optional[int]:
    """Input channels of the first convolution that reads this layer, as its weights tell."""
    if node.weights is None:
        return None
    for reader in node.consumers(node.layer.tops[0]):
        blobs: Sequence[Any] = node.weights.blobs(reader.name)
        if reader.kind == "Convolution" and blobs and len(blobs[0].shape) == 4:
            return blobs[0].shape[1] * reader.parameter.convolution_param.group
    return None
