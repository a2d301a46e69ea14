"""What leads to some values of a net, and what they lead to."""

from __future__ import annotations

from typing import FrozenSet, Iterable, List

from netsurgery.layers import Layer, Value
from netsurgery.network.graph import Network


def reached_by(network: Network, values: Iterable[Value]) -> FrozenSet[Value]:
    """Return the values that some depend on, and these.

    Args:
        network: The net.
        values: Some of its values.
    """
    found = set(values)
    for layer in reversed(network.layers):
        if not found.isdisjoint(layer.tops):
            found.update(layer.bottoms)
    return frozenset(found)


def layers_to(network: Network, wanted: Iterable[Value]) -> List[Layer]:
    """Return the layers that make some values, in the order of the net.

    Args:
        network: The net.
        wanted: Values of it.
    """
    found = reached_by(network, wanted)
    return [layer for layer in network.layers if not found.isdisjoint(layer.tops)]


def layers_behind(network: Network, changed: Iterable[Value]) -> List[Layer]:
    """Return the layers that read some values, however far behind, in their order.

    Args:
        network: The net.
        changed: Values of it.
    """
    reached = set(changed)
    found = []
    for layer in network.layers:
        if not reached.isdisjoint(layer.bottoms):
            reached.update(layer.tops)
            found.append(layer)
    return found
