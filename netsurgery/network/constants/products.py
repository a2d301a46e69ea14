"""Constants that layers with a matrix make."""

from __future__ import annotations

from typing import Sequence

import numpy as np

from netsurgery.layers import CONVOLUTION, ConstantNode
from netsurgery.network.constants.base import rule
from netsurgery.network.linear import DECONVOLUTION, INNER_PRODUCT, Linear


@rule(CONVOLUTION, DECONVOLUTION, INNER_PRODUCT)
def product(node: ConstantNode) -> Sequence[np.ndarray]:
    """An output is constant that reads nothing but constants with weights other than 0."""
    linear = node.linear
    if linear is None:
        return node.unknown()
    return [
        linear.placed(_outputs(linear, linear.entries(held, shape)), len(top), shape)
        for held, shape, top in zip(node.bottoms, node.shapes, node.tops)
    ]


def _outputs(linear: Linear, entries: np.ndarray) -> np.ndarray:
    exact = np.isfinite(entries) if linear.meets_all else entries == 0
    moving = linear.touched.any(axis=2)
    if exact.any():
        moving = (linear.touched & ~exact[:, None, :]).any(axis=2)
    made = linear.added_by(np.where(exact, entries, 0))
    made = made if linear.bias is None else made + linear.bias
    return np.where(moving, np.nan, made)
