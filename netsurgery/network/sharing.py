"""Parameters that several layers share through ``param { name }``."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, FrozenSet, Iterable, List, Tuple

if TYPE_CHECKING:
    from netsurgery.layers import Layer


@dataclass(frozen=True)
class SharedParameter:
    """Blobs that are one memory because their ``param`` has one name.

    Attributes:
        name: The common name.
        members: (layer, index of the blob in that layer) in order of the network. The
            first owns the memory; its filler and learning rate count.
    """

    name: str
    members: Tuple[Tuple[Layer, int], ...]

    @property
    def owner(self) -> Tuple[Layer, int]:
        """The member whose memory the others use."""
        return self.members[0]


def shared_parameters(layers: Iterable[Layer]) -> Tuple[SharedParameter, ...]:
    """Group the named ``param`` entries of ``layers``; a name used once is no group."""
    members: Dict[str, List[Tuple[Layer, int]]] = defaultdict(list)
    for layer in layers:
        for index, param in enumerate(layer.parameter.param):
            if param.name:
                members[param.name].append((layer, index))
    groups = ((name, tuple(found)) for name, found in members.items())
    return tuple(SharedParameter(name, found) for name, found in groups if len(found) > 1)


def borrowed_blobs(groups: Iterable[SharedParameter]) -> FrozenSet[Tuple[int, int]]:
    """Return (index of the layer, index of the blob) of all that is shared but not owned."""
    return frozenset((layer.index, index) for group in groups for layer, index in group.members[1:])
