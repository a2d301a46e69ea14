"""Constants through pooling."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np

from netsurgery.layers import ConstantNode, nothing
from netsurgery.network.constants.base import rule


@rule("Pooling")
def pooling(node: ConstantNode) -> Sequence[np.ndarray]:
    """A constant channel stays what it is, where Caffe's windows leave it so.

    The maximum is taken inside the picture; an average divides by the zeros of the padding too. A
    channel that differs from pixel to pixel is given up.
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


def _pair(param: object, stem: str, both: int) -> Tuple[int, int]:
    """Sizes from ``<stem>_h`` and ``<stem>_w``, or ``both`` twice."""
    names = (f"{stem}_h", f"{stem}_w")
    if not param.HasField(names[0]):  # type: ignore[attr-defined]
        return both, both
    return getattr(param, names[0]), getattr(param, names[1])
