"""What a network's outputs are made of, before they are squashed."""

from __future__ import annotations

from typing import List, Tuple

from netsurgery.layers import Value
from netsurgery.network.graph import Network


def scores_of(network: Network) -> Tuple[Value, ...]:
    """Return the values that a Softmax or a Sigmoid makes outputs of.

    Where these saturate, as they easily do on random inputs, a difference that is large
    before them cannot be seen behind them.
    """
    layers = [network.producer(value) for value in network.outputs]
    squashed = (layer for layer in layers if layer and layer.layer_type.squashes)
    found = dict.fromkeys(layer.bottoms[0] for layer in squashed if layer.bottoms)
    return tuple(value for value in found if value not in network.inputs)


def score_values(network: Network) -> Tuple[Value, ...]:
    """Return the outputs, with what is squashed as it was before.

    A detector's scores, which are put in another shape behind that, stay squashed: most of them say
    that there is nothing, and how surely they do so does not matter.
    """
    squashed = {
        layer.tops[0]: layer.bottoms[0]
        for layer in network.layers
        if layer.layer_type.squashes and layer.bottoms and layer.tops
    }
    found = (squashed.get(value, value) for value in compared_outputs(network))
    return tuple(dict.fromkeys(found))


def compared_outputs(network: Network) -> Tuple[Value, ...]:
    """Return the outputs, and in place of detections the boxes and scores they are chosen from.

    Rows of two lists of detections do not belong together, nor are they as many.
    """
    found: List[Value] = []
    for value in network.outputs:
        layer = network.producer(value)
        detects = layer is not None and layer.layer_type.makes_detections
        found += layer.bottoms[:2] if layer is not None and detects else [value]
    return tuple(dict.fromkeys(found))
