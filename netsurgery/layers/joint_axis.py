"""The axis of a Concat or Slice, which may be given under its older name."""

from __future__ import annotations

from typing import Any, Union

from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode


def joint_axis(node: Union[ShapeNode, ChannelNode, ConstantNode], param: Any, legacy: str) -> int:
    """Return the axis, counted from the front.

    Args:
        node: The layer.
        param: Its ``ConcatParameter`` or ``SliceParameter``.
        legacy: The older name of its ``axis``.
    """
    return node.axis(getattr(param, legacy) if param.HasField(legacy) else param.axis)


def check_joint_axis(node: ShapeNode, param: Any, legacy: str) -> int:
    """Return the axis of a layer that has been given one at most.

    Raises:
        NetworkError: It is given under both names, or there is no such axis.
    """
    both = param.HasField("axis") and param.HasField(legacy)
    node.check(not both, f"has axis as well as {legacy}")
    return joint_axis(node, param, legacy)
