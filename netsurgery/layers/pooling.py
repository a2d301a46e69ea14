"""Pooling: the maximum, the mean, or a draw of every window."""

from __future__ import annotations

from math import ceil, floor
from typing import Any, List, Sequence, Tuple

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ChannelNode, ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show

Pair = Tuple[int, int]


@register_layer
class PoolingLayer(LayerType):
    """One number for every window of a channel."""

    name = "Pooling"
    aliases = ("MKLPooling",)
    is_stock = True
    tops = (1, 2)
    shape_fields = frozenset({"pooling_param.bin_size", "pooling_param.kernel_depth"})

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(num, channels, windows that fit); the same for the mask."""
        param = node.parameter.pooling_param
        most = 2 if param.pool == param.MAX else 1
        node.check(node.tops <= most, f"has {node.tops} tops, but only MAX pooling has a second")
        node.check(len(node.bottom) == 4, f"needs 4 axes, has {show(node.bottom)}")
        sizes = (node.bottom[2], node.bottom[3])
        kernel, stride, pad = _windows(node, param, sizes)
        found = _counts(param, sizes, kernel, stride, pad)
        text = f"pools {show(kernel)} with pad {show(pad)} over {show(sizes)}: nothing comes out"
        node.check(min(found) > 0, text)
        return [(*node.bottom[:2], *found)] * node.tops

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom."""
        return [node.placed(node.along(1), 1)] * len(node.tops)


def has_empty_windows(node: ShapeNode) -> bool:
    """Whether the last windows hold no value at all, as of a kernel of 1 with stride 2 over 8.

    Caffe rounds the number of windows up, and looks where the last one starts only where there is
    padding. MAX then leaves -3.4e38 there, and AVE divides by zero.

    Raises:
        NetworkError: Caffe would not build the layer.
    """
    param = node.parameter.pooling_param
    node.check(len(node.bottom) == 4, f"needs 4 axes, has {show(node.bottom)}")
    sizes = (node.bottom[2], node.bottom[3])
    kernel, stride, pad = _windows(node, param, sizes)
    counts = _counts(param, sizes, kernel, stride, pad)
    rows = zip(counts, sizes, stride, pad)
    return any((count - 1) * s - p >= size for count, size, s, p in rows)


def _windows(node: ShapeNode, param: Any, sizes: Pair) -> Tuple[Pair, Pair, Pair]:
    kernel = _kernel(node, param, sizes)
    stride = _either(node, param, "stride", "stride", param.stride)
    pad = _either(node, param, "pad", "pad", param.pad)
    _check(node, param, kernel, stride, pad)
    return kernel, stride, pad


def _counts(param: Any, sizes: Pair, kernel: Pair, stride: Pair, pad: Pair) -> Shape:
    round_up = param.round_mode == param.CEIL and param.ceil_mode
    rows = zip(sizes, kernel, stride, pad)
    return tuple(pooled(n, k, s, p, any(pad), round_up) for n, k, s, p in rows)


def pooled(size: int, kernel: int, stride: int, pad: int, clip: bool, round_up: bool) -> int:
    """Number of outputs along one axis.

    Args:
        size: Input size.
        kernel: Kernel size.
        stride: Step.
        pad: Zeros on each side.
        clip: Whether either axis is padded: the last window must then start inside.
        round_up: Whether a window that sticks out counts (Caffe's default).
    """
    steps = (size + 2 * pad - kernel) / stride
    found = int(ceil(steps) if round_up else floor(steps)) + 1
    if clip and (found - 1) * stride >= size + pad:
        found -= 1
    return found


def _kernel(node: ShapeNode, param: Any, sizes: Pair) -> Pair:
    given = any(param.HasField(name) for name in ("kernel_size", "kernel_h", "kernel_w"))
    if param.global_pooling:
        node.check(not given, "has a kernel size as well as global_pooling")
        return sizes
    node.check(given, "has neither kernel_size nor kernel_h and kernel_w")
    kernel = _either(node, param, "kernel_size", "kernel", param.kernel_size)
    node.check(min(kernel) > 0, f"has a kernel of {show(kernel)}")
    return kernel


def _either(node: ShapeNode, param: Any, plain: str, stem: str, both: int) -> Pair:
    """Sizes from ``<stem>_h`` and ``<stem>_w``, or ``both`` twice."""
    names = (f"{stem}_h", f"{stem}_w")
    given = [param.HasField(name) for name in names]
    if not any(given):
        return (both, both)
    exclusive = all(given) and not param.HasField(plain)
    node.check(exclusive, f"must have {plain}, or both {names[0]} and {names[1]}")
    return (getattr(param, names[0]), getattr(param, names[1]))


def _check(node: ShapeNode, param: Any, kernel: Pair, stride: Pair, pad: Pair) -> None:
    node.check(min(stride) > 0, "has a stride of 0")
    if param.global_pooling:
        plain = stride == (1, 1) and pad == (0, 0)
        node.check(plain, "has global_pooling, which goes with stride 1 and pad 0 only")
    if any(pad):
        averages = param.pool in (param.AVE, param.MAX)
        node.check(averages, "pads, which only MAX and AVE pooling can")
        inside = pad[0] < kernel[0] and pad[1] < kernel[1]
        node.check(inside, f"has pad {show(pad)}, not smaller than its kernel {show(kernel)}")
