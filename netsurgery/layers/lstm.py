"""Long short-term memory (Hochreiter and Schmidhuber, 1997)."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.layer import Layer
from netsurgery.layers.recurrent import RecurrentLayer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.traits import BIAS, BlobFacts


@register_layer
class LSTMLayer(RecurrentLayer):
    """A recurrent layer with a cell and four gates."""

    name = "LSTM"
    is_stock = True
    states = 2
    gates = 4

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """What meets the inputs, the bias, and what meets the state before."""
        return (BlobFacts("input weights", 0, 1), BIAS, BlobFacts("hidden weights", 0))
