"""Marks of where sequences begin, made by a count (CRNN's Caffe)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class ContinuationIndicatorLayer(LayerType):
    """0 where a sequence begins, 1 where it goes on."""

    name = "ContinuationIndicator"
    fork = "CRNN"
    bottoms = (0, 1)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """(time_step, batch_size)."""
        param = node.parameter.continuation_indicator_param
        shape = (param.time_step, param.batch_size)
        node.check(min(shape) > 0, "needs time_step and batch_size above 0")
        return [shape]

    def mixes_samples(self, layer: Layer) -> bool:
        """It counts through the batch."""
        return True
