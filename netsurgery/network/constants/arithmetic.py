"""Constants through sums and products: a factor of 0 makes one of anything."""

from __future__ import annotations

from functools import reduce
from typing import Sequence

import numpy as np

from netsurgery.layers import NORMALISING, ConstantNode, read_normalisation, why_not_frozen
from netsurgery.network.constants.base import rule


@rule(*NORMALISING)
def batch_norm(node: ConstantNode) -> Sequence[np.ndarray]:
    """Normalised by the stored mean and variance, which are frozen when a net is used."""
    if not node.blobs or why_not_frozen(node.layer):
        return node.unknown()
    found = read_normalisation(node.layer, node.blobs)
    deviation = np.sqrt(found.variance + found.eps)
    centred = node.bottoms[0] - node.placed(found.mean, 1)
    scaled = centred / node.placed(deviation, 1) * node.placed(found.scale, 1)
    return [scaled + node.placed(found.shift, 1)]


@rule("Scale")
def scale(node: ConstantNode) -> Sequence[np.ndarray]:
    """The product with a blob or a second bottom, and what is added to it."""
    param = node.parameter.scale_param
    blobs = list(node.blobs)
    if len(blobs) != (len(node.bottoms) == 1) + param.bias_term:
        return node.unknown()
    made = _product(node.bottoms[0], _operand(node, blobs, param.axis))
    if param.bias_term:
        made = made + node.placed(blobs[-1], _start(node, param.axis))
    return [made]


@rule("Bias")
def bias(node: ConstantNode) -> Sequence[np.ndarray]:
    """The sum with a blob or a second bottom."""
    if len(node.bottoms) == 1 and not node.blobs:
        return node.unknown()
    return [node.bottoms[0] + _operand(node, node.blobs, node.parameter.bias_param.axis)]


@rule("Eltwise")
def eltwise(node: ConstantNode) -> Sequence[np.ndarray]:
    """The sum, product or maximum of the bottoms."""
    param = node.parameter.eltwise_param
    if param.operation == param.PROD:
        return [reduce(_product, node.bottoms)]
    if param.operation == param.MAX:
        return [reduce(np.maximum, node.bottoms)]
    factors = list(param.coeff) or [1.0] * len(node.bottoms)
    terms = [_product(one, np.float32(factor)) for one, factor in zip(node.bottoms, factors)]
    return [reduce(np.add, terms)]


def _product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The product; 0 times a number that is not known is 0."""
    return np.where((first == 0) | (second == 0), np.float32(0), first * second)


def _operand(node: ConstantNode, blobs: Sequence[np.ndarray], axis: int) -> np.ndarray:
    operand = node.bottoms[1] if len(node.bottoms) > 1 else blobs[0]
    return node.placed(operand, _start(node, axis))


def _start(node: ConstantNode, axis: int) -> int:
    """The first axis that the operand has; a number alone stands for all."""
    scalar = len(node.bottoms) > 1 and not node.shapes[1]
    return 0 if scalar else node.axis(axis)
