"""One step of an LSTM, which Caffe unrolls into."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class LSTMUnitLayer(LayerType):
    """The next cell and state, of the cell before, gates and marks."""

    name = "LSTMUnit"
    is_stock = True
    bottoms = (3, 3)
    tops = (2, 2)
    keeps = "is recurrent, and left as it is"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """Cell and hidden state, both shaped like the cell before."""
        return [node.bottom, node.bottom]
