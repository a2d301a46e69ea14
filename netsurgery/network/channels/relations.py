"""The weights of a net as relations between kinds of units: channels that are made and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from netsurgery.layers import MAKES, READS
from netsurgery.network.channels.groups import ChannelGroup, Cut
from netsurgery.network.sparse import ParameterKey


@dataclass(frozen=True, eq=False)
class ChannelRelation:
    """Weights of a blob between two groups of channels: a matrix for each tap, or each place.

    A convolution has a tap for each pixel of its window. Where a channel is read at several places,
    as by an InnerProduct that flattens a picture, each place is a tap.

    Attributes:
        key: The layer's name and the blob's index.
        rows: Number of the group whose channels are made, in the list of groups.
        columns: Number of the group whose channels are read.
        row_channels: Shape (made,): which channels of their group the rows are, each once, rising.
        column_channels: Shape (read,): the same of the columns.
        row_entries: Shape (places, made): indices along the axis of the rows.
        column_entries: Shape (places, read): indices along the axis of the columns.
        axes: The axes of rows and of columns.
        shape: Of the blob, without the leading 1s of legacy blobs.
    """

    key: ParameterKey
    rows: int
    columns: int
    row_channels: np.ndarray
    column_channels: np.ndarray
    row_entries: np.ndarray
    column_entries: np.ndarray
    axes: Tuple[int, int]
    shape: Tuple[int, ...]

    def taps(self, blob: np.ndarray) -> np.ndarray:
        """Return the numbers of a blob as matrices, shape (taps, made, read)."""
        found = self._view(blob)[self._entries]
        sizes = self.row_entries.shape[1], self.column_entries.shape[1]
        return found.reshape(-1, *sizes, self._rest).transpose(0, 3, 1, 2).reshape(-1, *sizes)

    def put(self, blob: np.ndarray, taps: np.ndarray) -> None:
        """Write matrices, shape (taps, made, read), to where they stand in a blob."""
        view, sizes = self._view(blob), taps.shape[1:]
        found = taps.reshape(-1, self._rest, *sizes).transpose(0, 2, 3, 1)
        places = len(self.row_entries), len(self.column_entries)
        view[self._entries] = found.reshape(*places, *sizes, *view.shape[2:])

    @property
    def _rest(self) -> int:
        """How many taps the axes behind rows and columns have."""
        return int(np.prod([size for axis, size in enumerate(self.shape) if axis not in self.axes]))

    @property
    def _entries(self) -> Tuple[np.ndarray, np.ndarray]:
        return self.row_entries[:, None, :, None], self.column_entries[None, :, None, :]

    def _view(self, blob: np.ndarray) -> np.ndarray:
        if not blob.flags.c_contiguous:
            raise ValueError("the blob is not contiguous, so that a copy would be written to")
        return np.moveaxis(blob.reshape(self.shape), self.axes, (0, 1))


def channel_relations(
    groups: Sequence[ChannelGroup],
    shapes: Mapping[ParameterKey, Sequence[int]],
) -> List[ChannelRelation]:
    """Return what weights relate to each other.

    Weights of a group that is divided, such as one part of a Concat, are a relation of those
    channels. A weight is in one relation at most: in none where it makes no channel of those that
    it reads, as in a depthwise convolution, or where nothing is known of what it makes or reads.

    Args:
        groups: All groups of the net.
        shapes: The blobs, and their shapes.

    Returns:
        Relations in the order of the blobs.
    """
    cuts: Dict[ParameterKey, List[Tuple[int, Cut]]] = {}
    for number, group in enumerate(groups):
        for cut in group.members:
            cuts.setdefault((cut.layer.name, cut.blob), []).append((number, cut))
    found: List[ChannelRelation] = []
    for key, shape in shapes.items():
        of_blob = cuts.get(key, [])
        # Of layers of one name, which have the same numbers, the first.
        first = min((cut.layer.index for _, cut in of_blob), default=0)
        made, read = (
            [_Side(number, cut) for number, cut in of_blob if (cut.role, cut.layer.index) == wanted]
            for wanted in ((MAKES, first), (READS, first))
        )
        for rows in made:
            for columns in read:
                found += _relations(key, tuple(shape)[-rows.cut.axes :], rows, columns)
    return found


class _Side(NamedTuple):
    """An axis of a blob, and the number of the group that its entries belong to."""

    group: int
    cut: Cut


class _Places(NamedTuple):
    """Entries of an axis at which the same channels stand, shape (places, channels)."""

    channels: np.ndarray
    entries: np.ndarray


def _relations(
    key: ParameterKey, shape: Tuple[int, ...], rows: _Side, columns: _Side
) -> Iterator[ChannelRelation]:
    runs = max(np.atleast_2d(side.cut.channels).shape[0] for side in (rows, columns))
    for run in range(runs):
        for made in _places(rows.cut, run, runs):
            for read in _places(columns.cut, run, runs):
                yield ChannelRelation(
                    key,
                    rows.group,
                    columns.group,
                    made.channels,
                    read.channels,
                    made.entries,
                    read.entries,
                    (rows.cut.axis, columns.cut.axis),
                    shape,
                )


def _places(cut: Cut, run: int, runs: int) -> List[_Places]:
    """The entries of one run of axis 0, in which no channel is met twice at a place."""
    channels, offset = cut.channels, 0
    if channels.ndim == 2:
        channels = channels[run]
    elif cut.axis == 0:
        channels = np.split(channels, runs)[run]
        offset = run * len(channels)
    entries = np.flatnonzero(channels >= 0)
    entries = entries[np.argsort(channels[entries], kind="stable")]
    own = channels[entries]
    starts = np.flatnonzero(np.diff(own, prepend=-1))
    times = np.arange(len(own)) - np.repeat(starts, np.diff(np.append(starts, len(own))))
    found: Dict[bytes, List[Tuple[np.ndarray, np.ndarray]]] = {}
    for place in np.unique(times):
        here = times == place
        found.setdefault(own[here].tobytes(), []).append((own[here], entries[here] + offset))
    return [_Places(places[0][0], np.stack([at for _, at in places])) for places in found.values()]
