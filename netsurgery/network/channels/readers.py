"""Which weights read a channel: with zeros in their place a net computes what it would without."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.layers import READS, Layer
from netsurgery.network.channels.groups import ChannelGroup, Cut

Shape = Tuple[int, ...]
Entries = Dict[Tuple[str, int], np.ndarray]


def weights_reading(
    group: ChannelGroup, channel: int, shapes: Mapping[str, Sequence[Shape]]
) -> Entries:
    """Return the weights that read a channel.

    Args:
        group: The group.
        channel: One of its channels.
        shapes: For the name of each layer the shapes of its blobs.

    Returns:
        For (layer name, index of blob) flat indices into the blob, int64.
    """
    found: Dict[Tuple[str, int], List[np.ndarray]] = {}
    for cut in group.members:
        name = cut.layer.name
        if cut.role == READS and cut.blob < len(shapes.get(name, ())):
            shape = shapes[name][cut.blob]
            found.setdefault((name, cut.blob), []).append(_entries(cut, channel, shape))
    return {place: np.unique(np.concatenate(parts)) for place, parts in found.items()}


def first_reader(group: ChannelGroup) -> Layer:
    """Return the first layer, in the order of the net, whose weights read a group's channels.

    Raises:
        ValueError: There is none.
    """
    return min(group.consumers, key=lambda layer: layer.index)


def _entries(cut: Cut, channel: int, shape: Shape) -> np.ndarray:
    shape = tuple(shape)[-cut.axes :]
    runs = np.atleast_2d(cut.channels)
    rows = shape[0] // len(runs)
    parts = []
    for number, run in enumerate(runs):
        axes = [np.arange(size) for size in shape]
        axes[0] = axes[0][number * rows : (number + 1) * rows]
        axes[cut.axis] = axes[cut.axis][run == channel]
        parts.append(np.ravel_multi_index(np.ix_(*axes), shape).ravel())
    return np.concatenate(parts)
