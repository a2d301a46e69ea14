"""A network whose text does not say how many samples it takes at a time."""

from __future__ import annotations

from typing import Dict

from netsurgery.network.graph import Network
from netsurgery.network.shapes import trace_shapes


def with_open_batch(network: Network) -> Network:
    """Return a network whose layers take the number of samples from what they read.

    Exporters write it out, as in a Reshape to ``dim: 1 dim: -1 dim: 2``, so that the net can be
    fed one sample only. For the inputs that the net declares it computes the same.
    """
    return network.derived(with_open_batch, lambda: _opened(network))


def _opened(network: Network) -> Network:
    shapes = trace_shapes(network)[0]
    changes: Dict[int, bytes] = {}
    for layer in network.layers:
        fields = layer.layer_type.open_batch(layer, [shapes[value] for value in layer.bottoms])
        if fields:
            changes[layer.text.index] = layer.text.edited(fields=fields)
    return network.rewritten(network.prototxt.replace_layers(changes)) if changes else network
