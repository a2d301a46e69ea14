"""Long short-term memory (Hochreiter and Schmidhuber, 1997)."""

from __future__ import annotations

from netsurgery.layers.recurrent import RecurrentLayer
from netsurgery.layers.registry import register_layer


@register_layer
class LSTMLayer(RecurrentLayer):
    """A recurrent layer with a cell and four gates."""

    name = "LSTM"
    is_stock = True
    states = 2
    gates = 4
