"""Channels through convolution and deconvolution, grouped and depthwise too."""

from __future__ import annotations

from typing import List

import numpy as np

from netsurgery.layers import CARRIES, MAKES, READS, ChannelNode, Fields, Kept, Layer, groups_of
from netsurgery.network.channels.base import edit, rule
from netsurgery.network.shapes.convolution import CONVOLUTIONS, DECONVOLUTIONS


@rule(*CONVOLUTIONS)
def convolution(node: ChannelNode) -> List[np.ndarray]:
    """The outputs are new; blob 0 is (outputs, inputs of a group, kernel)."""
    return _convolve(node, outputs_axis=0)


@rule(*DECONVOLUTIONS)
def deconvolution(node: ChannelNode) -> List[np.ndarray]:
    """The outputs are new; blob 0 is (inputs, outputs of a group, kernel)."""
    return _convolve(node, outputs_axis=1)


@edit(*CONVOLUTIONS, *DECONVOLUTIONS)
def shrink_convolution(layer: Layer, kept: Kept) -> Fields:
    """``num_output``, and ``group`` where whole groups went."""
    top, bottom = kept.get(layer.tops[0]), kept.get(layer.bottoms[0])
    if top is None:
        return {}
    fields = {"convolution_param.num_output": top.size}
    group = layer.parameter.convolution_param.group
    if bottom and group > 1 and group in (len(top.mask), len(bottom.mask)):
        fields["convolution_param.group"] = group * top.size // len(top.mask)
    return fields


def _convolve(node: ChannelNode, outputs_axis: int) -> List[np.ndarray]:
    param = node.parameter.convolution_param
    axis = node.axis(param.axis)
    inputs, outputs = node.along(axis), node.make(param.num_output)
    for number in range(1, len(node.bottoms)):
        node.ties.tie(inputs, node.along(axis, number))
    group = groups_of(node.layer.type, param, len(inputs))
    rows = inputs.reshape(group, -1), outputs.reshape(group, -1)
    sizes = rows[0].shape[1], rows[1].shape[1]
    if group > 1 and 1 in sizes:
        _tie_groups(node, *rows)
        labels = (outputs, inputs)[outputs_axis]
        _use(node, {0: labels}, outputs, CARRIES, outputs_axis)
    else:
        if group > 1:
            node.ties.balance(rows[0])
            node.ties.balance(rows[1])
        first, second = (outputs, rows[0]) if outputs_axis == 0 else (inputs, rows[1])
        _use(node, {0: first, 1: second if group > 1 else second[0]}, outputs, MAKES, outputs_axis)
    return [node.placed(outputs, axis)] * len(node.tops)


def _tie_groups(node: ChannelNode, inputs: np.ndarray, outputs: np.ndarray) -> None:
    """With one input or one output a group, a group goes as a whole."""
    node.ties.tie(inputs, inputs[:, :1])
    node.ties.tie(outputs, inputs[:, :1])


def _use(
    node: ChannelNode, labels: dict, outputs: np.ndarray, role: str, outputs_axis: int
) -> None:
    """Write down the weights and the bias; a pruning fork has masks of both behind them."""
    param = node.parameter.convolution_param
    axes = len(node.shapes[0]) - node.axis(param.axis) + 1
    blobs = 1 + param.bias_term
    for start in (0, blobs) if node.layer.type == "CConvolution" else (0,):
        for axis, along in labels.items():
            reads = role == MAKES and axis != outputs_axis
            node.use(start, along, axis=axis, axes=axes, role=READS if reads else role)
        if param.bias_term:
            node.use(start + 1, outputs, role=role)
