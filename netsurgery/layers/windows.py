"""Sliding windows: kernel, stride, pad and dilation of convolution and pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence, Tuple

from netsurgery.formats import FORK_FIELDS
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.shape import Shape, show


@dataclass(frozen=True)
class Windows:
    """One number a spatial axis, as Caffe reads them from ``convolution_param``."""

    kernel: Tuple[int, ...]
    stride: Tuple[int, ...]
    pad: Tuple[int, ...]
    dilation: Tuple[int, ...]

    @property
    def extent(self) -> Tuple[int, ...]:
        """What a dilated kernel covers."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))

    def convolve(self, node: ShapeNode, sizes: Sequence[int]) -> Shape:
        """Spatial shape of a convolution's output.

        Raises:
            NetworkError: The kernel does not fit into the padded input.
        """
        rows = zip(sizes, self.extent, self.stride, self.pad)
        # C++ divides towards zero: a kernel slightly too big still gives one output.
        found = tuple(int((n + 2 * p - e) / s) + 1 for n, e, s, p in rows)
        self._check(node, found, sizes)
        return found

    def deconvolve(self, node: ShapeNode, sizes: Sequence[int]) -> Shape:
        """Spatial shape of a deconvolution's output."""
        rows = zip(sizes, self.extent, self.stride, self.pad)
        found = tuple(s * (n - 1) + e - 2 * p for n, e, s, p in rows)
        self._check(node, found, sizes)
        return found

    def _check(self, node: ShapeNode, found: Shape, sizes: Sequence[int]) -> None:
        node.check(
            all(size > 0 for size in found),
            f"has a kernel of {show(self.extent)} and pad {show(self.pad)} over an input of "
            f"{show(sizes)}: nothing comes out",
        )


def read_windows(node: ShapeNode, param: Any, axes: int) -> Windows:
    """Read a ``ConvolutionParameter`` for ``axes`` spatial axes.

    Raises:
        NetworkError: Sizes are missing, zero, or given twice.
    """
    found = Windows(
        _sizes(node, param, "kernel_size", "kernel", axes, 0),
        _sizes(node, param, "stride", "stride", axes, 1),
        _sizes(node, param, "pad", "pad", axes, 0),
        _dilation(node, param, axes),
    )
    node.check(all(found.kernel), "has a kernel_size of 0 or none at all")
    node.check(all(found.stride), "has a stride of 0")
    return found


def _sizes(node: ShapeNode, param: Any, plain: str, stem: str, axes: int, default: int) -> Shape:
    """Sizes from ``plain`` (repeated), or from ``<stem>_h`` and ``<stem>_w``."""
    both = (f"{stem}_h", f"{stem}_w")
    repeated = _given(param, plain)
    if not any(param.HasField(name) for name in both):
        return _spread(node, plain, repeated, axes, default)
    node.check(axes == 2, f"has {both[0]} or {both[1]}, but {axes} spatial axes")
    node.check(not repeated, f"has {plain} as well as {both[0]} or {both[1]}")
    return tuple(getattr(param, name) for name in both)


def _given(param: Any, name: str) -> Sequence[int]:
    """What stands under a name that may be repeated, or may not."""
    value = getattr(param, name)
    if isinstance(value, int):
        return [value] if param.HasField(name) else []
    return value


def _dilation(node: ShapeNode, param: Any, axes: int) -> Shape:
    """Steps between taps: forks have an older name for them, and one for each axis."""
    if not any(param.HasField(name) for name in FORK_FIELDS if name.startswith("hole")):
        return _sizes(node, param, "dilation", "dilation", axes, 1)
    node.check(not param.dilation, "has dilation as well as hole, its older name")
    return _sizes(node, param, "hole", "hole", axes, 1)


def _spread(node: ShapeNode, name: str, given: Sequence[int], axes: int, default: int) -> Shape:
    """One number an axis from a repeated field given never, once, or once an axis."""
    text = f"has {name} {len(given)} times for {axes} spatial axes"
    node.check(len(given) in (0, 1, axes), text)
    if len(given) == axes:
        return tuple(given)
    return tuple(given or (default,)) * axes
