"""The layers of a network that multiply by a matrix of their own, with what they multiply by."""

from __future__ import annotations

from math import prod
from typing import Dict, Optional, Sequence, Set

import numpy as np

from netsurgery.layers import Layer, Linear, Shape
from netsurgery.network.channels.propagation import Shapes
from netsurgery.network.graph import Network
from netsurgery.network.model import Model
from netsurgery.network.shapes import parameter_shapes


def find_linear(model: Model, network: Network, shapes: Shapes) -> Dict[int, Linear]:
    """Return the layers whose weights are known and their own, by their index.

    Weights that several layers share are left out, and those that the file does not hold.

    Args:
        model: The model.
        network: Its network.
        shapes: The shape of each value.
    """
    shared = _sharing(network)
    found: Dict[int, Linear] = {}
    for layer in network.layers:
        if layer.index not in shared:
            bottoms = [shapes[value] for value in layer.bottoms]
            linear = _linear(layer, bottoms, own_blobs(model, layer, bottoms))
            if linear is not None:
                found[layer.index] = linear
    return found


def own_blobs(
    model: Model, layer: Layer, bottoms: Sequence[Optional[Shape]]
) -> Sequence[np.ndarray]:
    """Return a layer's blobs in the shapes Caffe gives them; () where the file has others."""
    shapes = parameter_shapes(layer, bottoms) if None not in bottoms else None
    blobs = model.blobs(layer.name)
    if not shapes or [blob.count for blob in blobs] != [prod(shape) for shape in shapes]:
        return ()
    return [blob.array().reshape(shape) for blob, shape in zip(blobs, shapes)]


def _sharing(network: Network) -> Set[int]:
    layers = [layer.index for group in network.shared_parameters for layer, _ in group.members]
    twice = [layer.index for name in network.duplicate_names for layer in network.find(name)]
    return {*layers, *twice}


def _linear(
    layer: Layer, bottoms: Sequence[Optional[Shape]], blobs: Sequence[np.ndarray]
) -> Optional[Linear]:
    known = [shape for shape in bottoms if shape is not None]
    if layer.layer_type.product is None or not blobs or len(known) < len(bottoms):
        return None
    return layer.layer_type.linear(layer, known, blobs)
