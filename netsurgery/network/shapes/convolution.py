"""Convolution, deconvolution and their twins in the forks."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from netsurgery.layers import CONVOLUTION, Shape, ShapeNode, count, groups_of, names_of, show
from netsurgery.network.shapes.base import parameters, rule
from netsurgery.network.shapes.windows import Windows, read_windows

# The first are one type under several names; the others multiply by other numbers than their
# weights: by masked ones, or by rounded ones.
CONVOLUTIONS = (*names_of(CONVOLUTION), "CConvolution", "ConvolutionRistretto")
DECONVOLUTIONS = ("Deconvolution", "DeconvolutionRistretto")


@rule(*CONVOLUTIONS, bottoms=(1, None), tops=(1, None))
def convolution(node: ShapeNode) -> Sequence[Shape]:
    """(..., num_output, windows that fit), the same for every bottom."""
    axis, windows = _read(node)
    spatial = windows.convolve(node, node.bottom[axis + 1 :])
    return _tops(node, axis, spatial)


@rule(*DECONVOLUTIONS, bottoms=(1, None), tops=(1, None))
def deconvolution(node: ShapeNode) -> Sequence[Shape]:
    """(..., num_output, what the transposed convolution spreads over)."""
    axis, windows = _read(node)
    spatial = windows.deconvolve(node, node.bottom[axis + 1 :])
    return _tops(node, axis, spatial)


@parameters(*(name for name in CONVOLUTIONS if name != "CConvolution"))
def convolution_blobs(node: ShapeNode) -> Sequence[Shape]:
    """(num_output, channels / group, kernel) and, with bias_term, (num_output)."""
    axis, windows = _read(node)
    channels, outputs = node.bottom[axis], node.parameter.convolution_param.num_output
    return _blobs(node, (outputs, channels // _group(node, channels), *windows.kernel))


@parameters(*DECONVOLUTIONS)
def deconvolution_blobs(node: ShapeNode) -> Sequence[Shape]:
    """(channels, num_output / group, kernel): the first axis is the input."""
    axis, windows = _read(node)
    channels, outputs = node.bottom[axis], node.parameter.convolution_param.num_output
    return _blobs(node, (channels, outputs // _group(node, channels), *windows.kernel))


@rule("Im2col")
def im2col(node: ShapeNode) -> Sequence[Shape]:
    """(..., channels x kernel, windows that fit): one column a window."""
    param = node.parameter.convolution_param
    axis = node.axis(param.axis)
    sizes = node.bottom[axis + 1 :]
    node.check(sizes, f"has no spatial axes after axis {axis} of {show(node.bottom)}")
    windows = read_windows(node, param, len(sizes))
    channels = node.bottom[axis] * count(windows.kernel)
    return [(*node.bottom[:axis], channels, *windows.convolve(node, sizes))]


def _read(node: ShapeNode) -> Tuple[int, Windows]:
    """The channel axis and the windows, after Caffe's checks of channels and groups."""
    param = node.parameter.convolution_param
    axis = node.axis(param.axis)
    node.check(param.num_output > 0, "has no num_output, or a num_output of 0")
    channels = node.bottom[axis]
    group = _group(node, channels)
    node.check(group > 0, "has a group of 0")
    node.check(channels % group == 0, f"divides {channels} channels into {group} groups")
    fits = param.num_output % group == 0
    node.check(fits, f"divides {param.num_output} outputs (num_output) into {group} groups")
    return axis, read_windows(node, param, len(node.bottom) - axis - 1)


def _group(node: ShapeNode, channels: int) -> int:
    return groups_of(node.layer.type, node.parameter.convolution_param, channels)


def _tops(node: ShapeNode, axis: int, spatial: Shape) -> Sequence[Shape]:
    bottoms, tops = len(node.bottoms), node.tops
    node.check(bottoms == tops, f"has {bottoms} bottoms but {tops} tops")
    for shape in node.bottoms:
        text = f"convolves {show(node.bottom)} and {show(shape)} with one kernel"
        node.check(shape == node.bottom, text)
    outputs = node.parameter.convolution_param.num_output
    return [(*node.bottom[:axis], outputs, *spatial)] * tops


def _blobs(node: ShapeNode, kernel: Shape) -> Sequence[Shape]:
    param = node.parameter.convolution_param
    bias: Optional[Shape] = (param.num_output,) if param.bias_term else None
    return [kernel] if bias is None else [kernel, bias]
