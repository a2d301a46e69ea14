"""What a network holds whatever its input: numbers that weights alone decide."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Sequence

import numpy as np

from netsurgery.layers import ConstantNode, Linear, Value, nothing, plugin_faults_told
from netsurgery.network.channels.propagation import Shapes
from netsurgery.network.foreign_fields import foreign_fields
from netsurgery.network.graph import Network
from netsurgery.network.linear import own_blobs
from netsurgery.network.model import Model


def follow_constants(
    model: Model, network: Network, shapes: Shapes, linear: Mapping[int, Linear]
) -> Dict[Value, Optional[np.ndarray]]:
    """Return what each value holds whatever finite numbers the net is fed.

    A layer of a type that does not say, without blobs or with blobs that others share makes nothing
    constant.

    Args:
        model: The model.
        network: Its network.
        shapes: The shape of each value.
        linear: What `find_linear` finds.

    Returns:
        For each value an array that broadcasts to its shape, NaN where it may change; None where
        the shape is not known.
    """
    held: Dict[Value, Optional[np.ndarray]] = {}
    for value in network.values:
        shape = shapes[value]
        held[value] = None if shape is None else nothing(shape)
    for layer in network.layers:
        told = layer.layer_type.follows_constants and not foreign_fields(layer.text)
        if told and all(shapes[one] for one in (*layer.bottoms, *layer.tops)):
            bottoms = tuple(held[value] for value in layer.bottoms)
            node = ConstantNode(
                layer,
                bottoms,  # type: ignore[arg-type]
                tuple(shapes[value] or () for value in layer.bottoms),
                tuple(shapes[value] or () for value in layer.tops),
                own_blobs(model, layer, [shapes[value] for value in layer.bottoms]),
                linear.get(layer.index),
            )
            held.update(zip(layer.tops, _tops(node)))
    return held


def _tops(node: ConstantNode) -> Sequence[np.ndarray]:
    with np.errstate(all="ignore"), plugin_faults_told(node.layer):
        found = node.layer.layer_type.constants(node)
        return [np.where(np.isfinite(one), one, np.nan).astype(np.float32) for one in found]
