"""Losses, accuracies and reductions."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers import Shape, ShapeNode, count, show
from netsurgery.network.shapes.base import rule

SCALAR: Shape = ()


def _same_batch(node: ShapeNode) -> None:
    first, second = node.bottom, node.bottoms[1] or ()
    same = first[:1] == second[:1] != ()
    node.check(same, f"compares {show(first)} with {show(second)}")


@rule("EuclideanLoss", bottoms=2, tops=(0, 1))
@rule("SigmoidCrossEntropyLoss", bottoms=2, tops=(0, 2))
def pairwise_loss(node: ShapeNode) -> Sequence[Shape]:
    """A scalar."""
    _same_batch(node)
    first, second = node.bottom, node.bottoms[1] or ()
    legacy = node.layer.type == "EuclideanLoss"
    same = count(node.four() if legacy else first) == count(second)
    node.check(same, f"compares {show(first)} with {show(second)}")
    return [SCALAR]


@rule("HingeLoss", bottoms=2, tops=(0, 1))
@rule("MultinomialLogisticLoss", bottoms=2, tops=(0, 1))
def label_loss(node: ShapeNode) -> Sequence[Shape]:
    """A scalar."""
    _same_batch(node)
    node.four()
    return [SCALAR]


@rule("SoftmaxWithLoss", bottoms=2, tops=(0, 2))
@rule("InfogainLoss", bottoms=(2, 3), tops=(0, 2))
def softmax_loss(node: ShapeNode) -> Sequence[Shape]:
    """A scalar; then the probabilities, shaped like the scores."""
    weighted = node.tops < 2 or node.parameter.loss_weight
    node.check(weighted, "has two tops but no loss_weight", "give one loss_weight a top")
    infogain = node.layer.type == "InfogainLoss"
    param = node.parameter.infogain_loss_param if infogain else node.parameter.softmax_param
    axis, labels = node.axis(param.axis), count(node.bottoms[1] or ())
    cells = count(node.bottom[:axis]) * count(node.bottom[axis + 1 :])
    text = f"has {labels} labels for {cells} predictions (all axes but {axis})"
    node.check(cells == labels, text)
    return [SCALAR, node.bottom]


@rule("ContrastiveLoss", bottoms=3, tops=(0, 1))
def contrastive_loss(node: ShapeNode) -> Sequence[Shape]:
    """A scalar."""
    _same_batch(node)
    first, second = node.four(0), node.four(1)
    same = first[1] == second[1] and count(first[2:] + second[2:]) == 1
    node.check(same, f"compares {show(node.bottom)} with {show(node.bottoms[1])}")
    return [SCALAR]


@rule("L1Loss", "SmoothL1Loss", bottoms=(1, 4), tops=(0, 2), partial=True)
@rule("MultiBoxLoss", bottoms=(3, 5), tops=(0, 1), partial=True)
def scalar_loss(node: ShapeNode) -> Sequence[Shape]:
    """A scalar; what a second top holds is up to the fork."""
    return [SCALAR]


@rule("Accuracy", bottoms=2, tops=(1, 2))
def accuracy(node: ShapeNode) -> Sequence[Shape]:
    """A scalar; then one number a class."""
    param = node.parameter.accuracy_param
    axis, labels = node.axis(param.axis), count(node.bottoms[1] or ())
    cells = count(node.bottom[:axis]) * count(node.bottom[axis + 1 :])
    text = f"has {labels} labels for {cells} predictions (all axes but {axis})"
    node.check(cells == labels, text)
    classes = node.bottom[axis]
    node.check(param.top_k <= classes, f"asks for the top {param.top_k} of {classes} classes")
    return [SCALAR, (classes,)]


@rule("ArgMax")
def argmax(node: ShapeNode) -> Sequence[Shape]:
    """The best top_k along `axis`, or of each item."""
    param, bottom = node.parameter.argmax_param, node.bottom
    by_axis = param.HasField("axis")
    node.check(bottom, "needs 1 axis or more, has none")
    axis = node.axis(param.axis) if by_axis else 1
    choices = bottom[axis] if by_axis else count(bottom[1:])
    fits = 1 <= param.top_k <= choices
    node.check(fits, f"asks for the top {param.top_k} of {choices} numbers")
    if by_axis:
        return [(*bottom[:axis], param.top_k, *bottom[axis + 1 :])]
    found = (bottom[0], 2 if param.out_max_val else 1, param.top_k)
    return [found + (1,) * (len(bottom) - 3)]


@rule("Reduction")
def reduction(node: ShapeNode) -> Sequence[Shape]:
    """The axes before `axis`."""
    return [node.bottom[: node.axis(node.parameter.reduction_param.axis)]]


@rule("ChannelNorm")
def channel_norm(node: ShapeNode) -> Sequence[Shape]:
    """(num, 1, height, width)."""
    num, _, height, width = node.four()
    return [(num, 1, height, width)]
