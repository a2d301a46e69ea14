"""What the layers that read an input of a net expect to find in it."""

from __future__ import annotations

from typing import Mapping

from netsurgery.layers import Layer, Role, Value
from netsurgery.network import Network


def input_roles(network: Network, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Role]:
    """Return the role of each input blob, told by the layers that read it.

    Args:
        network: The net.
        shapes: The shape of each input blob.
    """
    roles = {}
    for value in network.inputs:
        readers = (_role(layer, value, shapes[value.blob]) for layer in network.consumers(value))
        roles[value.blob] = next((r for r in readers if r is not Role.VALUES), Role.VALUES)
    return roles


def _role(reader: Layer, value: Value, shape: tuple[int, ...]) -> Role:
    return reader.layer_type.input_role(reader, reader.bottoms.index(value), shape)
