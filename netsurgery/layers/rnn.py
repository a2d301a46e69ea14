"""The plain recurrent layer."""

from __future__ import annotations

from typing import List

from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.recurrent import RecurrentLayer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class RNNLayer(RecurrentLayer):
    """A recurrent layer with a hyperbolic tangent, and one behind its output."""

    name = "RNN"
    is_stock = True

    def blobs(self, node: ShapeNode) -> List[Shape]:
        """Behind those of the input and the state, weights and bias of the output."""
        outputs = node.parameter.recurrent_param.num_output
        return [*super().blobs(node), (outputs, outputs), (outputs,)]
