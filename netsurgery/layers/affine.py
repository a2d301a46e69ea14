"""What Scale and Bias share: an operand, own or of a second bottom, spread over some axes."""

from __future__ import annotations

from typing import Any, List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType
from netsurgery.layers.labels import varying
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.shape import Shape, show


class AffineLayer(LayerType):
    """The bottom times, or plus, an operand that covers some of its axes."""

    bottoms = (1, 2)

    def param(self, parameter: Any) -> Any:
        """Return the block of a ``LayerParameter`` that says which axes the operand covers."""
        return getattr(parameter, self.message)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the first bottom."""
        operand = node.bottoms[1] if len(node.bottoms) > 1 else self.operand(node)
        axis = node.axis(self.param(node.parameter).axis) if operand else 0
        covered = node.bottom[axis : axis + len(operand or ())]
        text = f"multiplies or adds {show(operand)} at axis {axis} of {show(node.bottom)}"
        node.check(covered == operand, text)
        return [node.bottom]

    def operand(self, node: ShapeNode) -> Shape:
        """Shape of the blob that the layer owns: ``num_axes`` axes from ``axis`` on."""
        param = self.param(node.parameter)
        axis, axes = node.axis(param.axis), param.num_axes
        node.check(axes >= -1, f"has num_axes {axes}")
        if axes == -1:
            return node.bottom[axis:]
        text = f"has num_axes {axes} from axis {axis} on, but its bottom is {show(node.bottom)}"
        node.check(axis + axes <= len(node.bottom), text)
        return node.bottom[axis : axis + axes]

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the first bottom; factors and offsets are a blob's or a bottom's."""
        param = self.param(node.parameter)
        axis = node.axis(param.axis)
        if len(node.bottoms) > 1:
            axes = len(node.shapes[1])
            axis = axis if axes else 0
            _tie_operand(node, axis)
        else:
            axes = len(node.shapes[0]) - axis if param.num_axes == -1 else param.num_axes
        for blob in range(self.blobs_owned(node)):
            _use_operand(node, blob, axis, axes)
        return [node.bottoms[0]]

    def blobs_owned(self, node: ChannelNode) -> int:
        """Return how many blobs the layer has."""
        return int(len(node.bottoms) == 1)

    def held_operand(self, node: ConstantNode) -> np.ndarray:
        """Return what the operand holds, with the axes of the first bottom."""
        operand = node.bottoms[1] if len(node.bottoms) > 1 else node.blobs[0]
        return node.placed(operand, self.first_axis(node))

    def first_axis(self, node: ConstantNode) -> int:
        """Return the first axis that the operand has; a number alone stands for all."""
        scalar = len(node.bottoms) > 1 and not node.shapes[1]
        return 0 if scalar else node.axis(self.param(node.parameter).axis)


def _use_operand(node: ChannelNode, blob: int, axis: int, axes: int) -> None:
    for channel_axis in varying(node.bottoms[0]):
        if axis <= channel_axis < axis + axes:
            node.use(blob, node.along(channel_axis), axis=channel_axis - axis, axes=axes)


def _tie_operand(node: ChannelNode, axis: int) -> None:
    """Tie the channels of the second bottom to those it multiplies or adds, where it has them."""
    labels, operand = node.bottoms
    covered = range(axis, axis + operand.ndim)
    rest = labels.ndim - axis - operand.ndim
    operand = operand.reshape((1,) * axis + operand.shape + (1,) * rest)
    if any(one in covered for one in varying(labels)):
        node.ties.tie(labels, operand)
    else:
        node.ties.pin(operand, f"{node} spreads them over other axes")
