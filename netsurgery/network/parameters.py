"""The blobs that a network's layers have, as its prototxt tells."""

from __future__ import annotations

from typing import Dict, Tuple

from netsurgery.layers import Layer, Shape
from netsurgery.network.graph import Network
from netsurgery.network.shapes import infer_shapes, parameter_shapes

Place = Tuple[str, int]


def blob_shapes(network: Network) -> Dict[str, Tuple[Shape, ...]]:
    """Return for each layer the shapes of the blobs that Caffe creates for it.

    Layers of types that nothing is known of are left out.

    Raises:
        NetworkError: A layer that Caffe would refuse.
    """
    values = infer_shapes(network)
    found = {}
    for layer in network.layers:
        shapes = parameter_shapes(layer, [values[value] for value in layer.bottoms])
        if shapes is not None:
            found[layer.name] = shapes
    return found


def owners_of_shared(network: Network) -> Dict[Place, Place]:
    """Return for each blob that is shared but not owned, as (layer, index), the one it is."""
    return {
        (layer.name, index): (group.owner[0].name, group.owner[1])
        for group in network.shared_parameters
        for layer, index in group.members[1:]
    }


def layers_with(network: Network, place: Place) -> Tuple[Layer, ...]:
    """Return the layers that hold a blob: its owner, and those that share it.

    Args:
        network: The net.
        place: The owner's name, and which of its blobs.
    """
    for group in network.shared_parameters:
        owner, index = group.owner
        if (owner.name, index) == place:
            return tuple(layer for layer, _ in group.members)
    return network.find(place[0])
