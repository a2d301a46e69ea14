"""Constants through layers that only move numbers about."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Sequence

import numpy as np

from netsurgery.layers import ConstantNode, reshaped
from netsurgery.network.constants.base import rule


@rule("Flatten", "Reshape")
def reshape(node: ConstantNode) -> Sequence[np.ndarray]:
    """The same numbers in the same order."""
    return [reshaped(node.bottoms[0], node.shapes[0], node.tops[0])]


@rule("Permute")
def permute(node: ConstantNode) -> Sequence[np.ndarray]:
    """The same numbers with their axes in the new order."""
    order = list(node.parameter.permute_param.order)
    order += [axis for axis in range(len(node.shapes[0])) if axis not in order]
    return [node.bottoms[0].transpose(order)]


@rule("Concat")
def concat(node: ConstantNode) -> Sequence[np.ndarray]:
    """The bottoms one after another."""
    axis = _joint_axis(node, node.parameter.concat_param, "concat_dim")
    sizes = np.broadcast_shapes(*(_but(one.shape, axis, 1) for one in node.bottoms))
    parts = [
        np.broadcast_to(one, _but(sizes, axis, shape[axis]))
        for one, shape in zip(node.bottoms, node.shapes)
    ]
    return [np.concatenate(parts, axis)]


@rule("Slice")
def slices(node: ConstantNode) -> Sequence[np.ndarray]:
    """Each top has its part."""
    axis = _joint_axis(node, node.parameter.slice_param, "slice_dim")
    held = node.bottoms[0]
    if held.shape[axis] == 1:
        return [held] * len(node.tops)
    return np.split(held, list(accumulate(shape[axis] for shape in node.tops[:-1])), axis)


def _but(shape: Sequence[int], axis: int, size: int) -> Sequence[int]:
    """A shape with another size along one axis."""
    return [size if one == axis else old for one, old in enumerate(shape)]


def _joint_axis(node: ConstantNode, param: Any, legacy: str) -> int:
    """The axis of a Concat or Slice, which may be given under its older name."""
    return node.axis(getattr(param, legacy) if param.HasField(legacy) else param.axis)
