"""What the layers that read an input of a net expect to find in it."""

from __future__ import annotations

import math
from enum import Enum
from typing import Mapping

from netsurgery.network import Layer, Network, Value


class Role(Enum):
    """The meaning of an input's numbers."""

    VALUES = "real values"
    BOXES = "regions of interest: image in the batch, x1, y1, x2, y2"
    IMAGE_SIZE = "height, width and scale of the image"
    IDS = "rows of an embedding"
    CONTINUATION = "0 where a sequence begins, else 1"


REGION_TYPES = frozenset(
    ("ROIPooling", "ROIAlign", "ROIWarping", "PSROIPooling", "PSROIAlign", "DeformablePSROIPooling")
)
_ROLES = {
    **{(region_type, 1): Role.BOXES for region_type in REGION_TYPES},
    ("Embed", 0): Role.IDS,
    ("LSTM", 1): Role.CONTINUATION,
    ("RNN", 1): Role.CONTINUATION,
}
_READ_IMAGE_SIZE = frozenset(("Proposal", "Python"))


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
    if reader.type in _READ_IMAGE_SIZE and math.prod(shape[1:]) == 3:
        return Role.IMAGE_SIZE
    return _ROLES.get((reader.type, reader.bottoms.index(value)), Role.VALUES)
