"""Pooling: the maximum, the mean, or a draw of every window."""

from __future__ import annotations

from math import ceil, floor
from typing import Any, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode, nothing
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show
from netsurgery.layers.traits import Trouble

Pair = Tuple[int, int]


@register_layer
class PoolingLayer(LayerType):
    """One number for every window of a channel."""

    name = "Pooling"
    aliases = ("MKLPooling",)
    is_stock = True
    tops = (1, 2)
    shape_fields = frozenset({"pooling_param.bin_size", "pooling_param.kernel_depth"})
    message = "pooling_param"
    chooses_engine = True
    opencv_names = ("Pooling",)
    late_fields = ("round_mode",)
    opencv_fields = ("ceil_mode",)
    opencv_stumbles = ("round_mode",)

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

    def spoils_its_bottom(self, layer: Layer) -> bool:
        """Windows read what others have written."""
        return True

    def troubles(self, node: ShapeNode, phase: str) -> Iterator[Trouble]:
        """Windows that hold nothing, as of a kernel of 1 with stride 2 over an even size."""
        if has_empty_windows(node):
            param = node.parameter.pooling_param
            made = "-3.4e38" if param.pool == param.MAX else "NaN"
            held = show(node.bottom[2:])
            problem = f"its last windows over {held} hold no value: Caffe makes {made}"
            yield Trouble("warning", problem, "use a kernel as wide as the stride")

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It knows no ``round_mode``, and gives other values for windows without a pixel."""
        param = layer.parameter.pooling_param
        if param.round_mode != param.CEIL:
            return unheeded("round_mode", layer)
        known = param.pool == param.MAX and bottoms and bottoms[0]
        if known and has_empty_windows(ShapeNode(layer, (bottoms[0],))):
            return "has other values than Caffe where a MAX pooling window holds no pixel"
        return None

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """A constant channel stays what it is, where Caffe's windows leave it so.

        The maximum is taken inside the picture; an average divides by the zeros of the padding
        too. A channel that differs from pixel to pixel is given up.
        """
        param = node.parameter.pooling_param
        held = node.bottoms[0]
        if not _windows_hold_something(node) or max(held.shape[2:]) > 1:
            return node.unknown()
        if param.pool == param.AVE and _pad(node) != (0, 0):
            held = np.where(held == 0, held, np.nan)
        elif param.pool not in (param.AVE, param.MAX):
            return node.unknown()
        return [held, *(nothing(shape) for shape in node.tops[1:])]

    def is_positively_homogeneous(self, layer: Layer) -> bool:
        """The maximum and the mean are; of a draw nothing is said, and a mask holds places."""
        param = layer.parameter.pooling_param
        return param.pool in (param.MAX, param.AVE) and len(layer.tops) == 1

    def take_padding(self, parameter: Any, pad: int) -> None:
        """It pads in the same way."""
        parameter.pooling_param.pad = pad


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


def _windows_hold_something(node: ConstantNode) -> bool:
    """Whether the last window begins inside the picture: Caffe rounds up, and pools nothing."""
    param = node.parameter.pooling_param
    stride = _pair(param, "stride", param.stride)
    return all(
        (outputs - 1) * step - pad < size
        for outputs, step, pad, size in zip(
            node.tops[0][2:], stride, _pad(node), node.shapes[0][2:]
        )
    )


def _pad(node: ConstantNode) -> Tuple[int, int]:
    param = node.parameter.pooling_param
    return _pair(param, "pad", param.pad)


def _pair(param: Any, stem: str, both: int) -> Tuple[int, int]:
    """Sizes from ``<stem>_h`` and ``<stem>_w``, or ``both`` twice."""
    names = (f"{stem}_h", f"{stem}_w")
    if not param.HasField(names[0]):
        return both, both
    return getattr(param, names[0]), getattr(param, names[1])
