"""What layer types share that say which values no input changes."""

from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from netsurgery.layers.nodes import ConstantNode


def product_of(first: Any, second: Any) -> np.ndarray:
    """Return the product of what is known; 0 times a number that is not known is 0."""
    return np.where((first == 0) | (second == 0), np.float32(0), first * second)


def linear_constants(node: ConstantNode) -> Sequence[np.ndarray]:
    """Return what the tops of a layer hold that multiplies by its weights.

    An output is constant that reads nothing but constants with weights other than 0.
    """
    linear = node.linear
    if linear is None:
        return node.unknown()
    return [
        linear.constants(held, shape, len(top))
        for held, shape, top in zip(node.bottoms, node.shapes, node.tops)
    ]
