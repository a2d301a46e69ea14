"""Names that nothing in a network has yet."""

from __future__ import annotations

from typing import Set

from netsurgery.network.graph import Network


def names_taken(network: Network) -> Set[str]:
    """Return the names of all blobs and layers of a network, for `fresh_name`.

    Args:
        network: The net.
    """
    return {*(value.blob for value in network.values), *(one.name for one in network.layers)}


def fresh_name(name: str, taken: Set[str]) -> str:
    """Return a name that is not taken, with underscores behind it where need be, and take it.

    Args:
        name: The name that would be best.
        taken: All names that there are; gains the new one.
    """
    while name in taken:
        name += "_"
    taken.add(name)
    return name
