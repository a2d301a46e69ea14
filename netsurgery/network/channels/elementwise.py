"""Channels through layers that treat every channel by itself, and the blobs they have for each."""

from __future__ import annotations

from typing import Any, List

import numpy as np

from netsurgery.layers import NORMALISING, ChannelNode, places_of, varying
from netsurgery.network.channels.base import rule
from netsurgery.network.shapes.elementwise import NEURONS

_MIXERS = ("LayerNorm", "Reverse")  # keep the shape, but not channel by channel


@rule(*(name for name in NEURONS if name not in _MIXERS), "AbsVal", "Split")
def neuron(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottom."""
    return [node.bottoms[0]] * len(node.tops)


@rule("PReLU")
def prelu(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottom, each with its slope."""
    if not node.parameter.prelu_param.channel_shared:
        node.use(0, node.along(1))
    return [node.bottoms[0]]


@rule(*NORMALISING, "MKLBatchNorm")
def batch_norm(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottom; forks differ in how many blobs they have for each."""
    labels = node.along(1)
    for blob in _blobs_of_channels(node, len(labels)):
        node.use(blob, labels)
    return [node.bottoms[0]]


def _blobs_of_channels(node: ChannelNode, channels: int) -> List[int]:
    trained = node.weights.blobs(node.layer.name) if node.weights else ()
    places = places_of(node.layer) if node.layer.type in NORMALISING else None
    if places is not None and len(trained) in (0, places.blobs):
        return list(places.channels)
    if not trained:
        return [0, 1]
    return [index for index, blob in enumerate(trained) if blob.count == channels]


@rule("Scale", "Bias")
def scale(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the first bottom; factors and offsets are a blob's or a second bottom's."""
    is_scale = node.layer.type == "Scale"
    param = node.parameter.scale_param if is_scale else node.parameter.bias_param
    axis = node.axis(param.axis)
    if len(node.bottoms) > 1:
        axes = len(node.shapes[1])
        axis = axis if axes else 0
        _tie_operand(node, axis)
    else:
        axes = len(node.shapes[0]) - axis if param.num_axes == -1 else param.num_axes
    bias = is_scale and param.bias_term
    for blob in range((len(node.bottoms) == 1) + bias):
        _use_operand(node, blob, axis, axes)
    return [node.bottoms[0]]


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


@rule("Eltwise")
def eltwise(node: ChannelNode) -> List[np.ndarray]:
    """The channels of all bottoms, tied one to one."""
    if any(shape != node.tops[0] for shape in node.shapes):
        return _spread(node)
    for labels in node.bottoms[1:]:
        node.ties.tie(node.bottoms[0], labels)
    return [node.bottoms[0]]


def _spread(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottoms that have them; what is spread over these stays."""
    axes = {axis for labels in node.bottoms for axis in varying(labels)}
    if len(axes) > 1:
        return node.barrier("combines channels that lie along several axes")
    if not axes:
        return node.barrier("spreads what has no channels")
    (axis,) = axes
    full = [
        labels
        for labels, shape in zip(node.bottoms, node.shapes)
        if shape[axis] == node.tops[0][axis]
    ]
    for labels, shape in zip(node.bottoms, node.shapes):
        if shape[axis] == node.tops[0][axis]:
            node.ties.tie(full[0], labels)
        else:
            node.ties.pin(labels, f"{node} spreads them over other channels")
    return [max(full, key=lambda labels: labels.size)]


@rule("Axpy")
def axpy(node: ChannelNode) -> List[np.ndarray]:
    """The channels of a, x and y in a x + y, tied one to one."""
    gates = node.along(1, 0)
    node.ties.tie(gates, node.along(1, 1))
    node.ties.tie(gates, node.along(1, 2))
    return [node.bottoms[1]]


@rule("Softmax")
def softmax(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottom, unless it is across them."""
    if node.axis(node.parameter.softmax_param.axis) in varying(node.bottoms[0]):
        return node.barrier("normalises across them")
    return [node.bottoms[0]]


@rule("LRN")
def lrn(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottom; across channels, each depends on its neighbours."""
    param: Any = node.parameter.lrn_param
    if param.norm_region == param.ACROSS_CHANNELS:
        text = f"{node} divides each channel by what its neighbours are"
        node.ties.approximate(node.along(1), text)
    return [node.bottoms[0]]


@rule("MVN")
def mvn(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottom; across channels, each depends on all."""
    if node.parameter.mvn_param.across_channels:
        text = f"{node} takes mean and variance across all channels"
        node.ties.approximate(node.bottoms[0], text)
    node.along(1)
    labels = node.bottoms[0]
    return [labels.reshape(labels.shape + (1,) * (len(node.tops[0]) - labels.ndim))]


@rule("Normalize")
def normalize(node: ChannelNode) -> List[np.ndarray]:
    """The channels of the bottom, divided by the norm of all of them."""
    labels = node.along(1)
    node.ties.approximate(labels, f"{node} divides by the norm of all channels")
    if not node.parameter.norm_param.channel_shared:
        node.use(0, labels)
    return [node.bottoms[0]]
