"""A network whose layers spread no small bottoms over large ones, as stock Caffe has it."""

from __future__ import annotations

from typing import List, Tuple

from netsurgery.errors import NetworkError
from netsurgery.formats import upgrade_net
from netsurgery.layers import Layer, Shape, spread_shape
from netsurgery.network.graph import Network
from netsurgery.network.names import fresh_name, names_taken
from netsurgery.network.shapes import infer_shapes


def in_stock_form(network: Network) -> Network:
    """Return a network that computes the same with layers of stock Caffe alone, if it can.

    A product or sum becomes Reshape and Scale or Bias, anything else gets its small bottoms from
    Tile layers. Other layers stay as they are; so does an Eltwise that is spread over the axis of
    samples, as their number may change. A V0 or V1 net becomes V2, where something is spread.
    """
    found = _spread_layers(network)
    if not found:
        return network
    if network.prototxt.version != "V2":
        network = network.rewritten(upgrade_net(network.prototxt, keep_unknown=True).prototxt)
        found = _spread_layers(network)
    taken = names_taken(network)
    changes = {
        layer.text.index: b"\n".join(
            layer.layer_type.spread_in_stock(layer, bottoms, lambda name: fresh_name(name, taken))
        )
        for layer, bottoms in found
    }
    return network.rewritten(network.prototxt.replace_layers(changes))


def _spread_layers(network: Network) -> List[Tuple[Layer, List[Shape]]]:
    layers = [layer for layer in network.layers if layer.layer_type.may_spread]
    if not layers:
        return []
    try:
        shapes = infer_shapes(network)
    except NetworkError:
        return []  # The engine says it in its own words.
    found = []
    for layer in layers:
        bottoms = [shapes[value] or () for value in layer.bottoms]
        whole = spread_shape(bottoms)
        if (
            whole
            and layer.layer_type.spreads(layer, bottoms)
            and all(one[0] == whole[0] for one in bottoms)
        ):
            found.append((layer, bottoms))
    return found
