"""Groups of channels: what goes with each channel that is removed, and what keeps it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Set, Tuple

import numpy as np

from netsurgery.formats import Weights
from netsurgery.layers import CARRIES, MAKES, READS, Layer, Value, varying
from netsurgery.network.channels.decisions import Decisions, decide
from netsurgery.network.channels.parts import find_parts
from netsurgery.network.channels.propagation import Shapes, Trace, trace_channels
from netsurgery.network.graph import Network
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes, trained_shapes

OTHER = -1  # stands for channels of other groups


@dataclass(frozen=True, eq=False)
class Cut:
    """An axis of a blob that loses entries with the channels of a group.

    Attributes:
        layer: The layer that has the blob.
        blob: Index of the blob.
        axis: The axis, of ``axes``.
        axes: Number of axes of the blob, without the leading 1s of legacy blobs.
        role: ``"makes"``, ``"carries"`` (one number a channel) or ``"reads"``.
        channels: For every entry along the axis the channel it belongs to, -1 for those of
            other groups; or a matrix of them, a row for each of the equal runs of axis 0 into
            which the groups of a convolution divide it.
    """

    layer: Layer
    blob: int
    axis: int
    axes: int
    role: str
    channels: np.ndarray

    def indices(self, channel: int) -> np.ndarray:
        """What goes with a channel: indices along the axis; or (run, index) pairs."""
        found = np.argwhere(self.channels == channel)
        return found[:, 0] if self.channels.ndim == 1 else found


@dataclass(frozen=True, eq=False)
class ValueCut:
    """A value of the network that carries channels of a group.

    Attributes:
        value: The value.
        axis: The axis that carries them.
        axes: Number of axes of the value.
        channels: For every entry along the axis the channel it belongs to, or -1.
    """

    value: Value
    axis: int
    axes: int
    channels: np.ndarray


@dataclass(frozen=True, eq=False)
class ChannelGroup:
    """Channels that one list of decisions covers: of layers that can only be cut together.

    Attributes:
        name: The first layer, or input, that makes some of them.
        origins: All layers and inputs that do.
        channels: Number of decisions; a channel of the group is a number below it.
        members: The blobs that lose something.
        values: The values that do.
        through: Layers without blobs for each channel that pass them on.
        pinned: Channels that must stay, and why.
        approximate: Why what stays changes a little when a channel goes, or None.
        balanced: Matrices of channels; every row must keep the same number (the blocks of a
            grouped convolution).
        parts: Sets of channels, rising, of which one at least stays each: without them a blob
            would be empty, as a top of a Slice. None holds another, or what stays anyway.
    """

    name: str
    origins: Tuple[str, ...]
    channels: int
    members: Tuple[Cut, ...]
    values: Tuple[ValueCut, ...]
    through: Tuple[Layer, ...]
    pinned: Mapping[int, str]
    approximate: Optional[str]
    balanced: Tuple[np.ndarray, ...]
    parts: Tuple[Tuple[int, ...], ...] = ()

    @property
    def blocked(self) -> Optional[str]:
        """Why no channel can go, or None if some can."""
        return "; ".join(self.reasons) if len(self.pinned) == self.channels else None

    @property
    def reasons(self) -> Tuple[str, ...]:
        """Why channels must stay, each reason once."""
        return tuple(dict.fromkeys(self.pinned.values()))

    @property
    def free(self) -> np.ndarray:
        """The channels that may go."""
        return np.setdiff1d(np.arange(self.channels), list(self.pinned))

    @property
    def producers(self) -> Tuple[Layer, ...]:
        """The layers whose outputs these channels are."""
        return self._layers(MAKES)

    @property
    def carriers(self) -> Tuple[Layer, ...]:
        """The layers that hold some numbers for each channel."""
        return self._layers(CARRIES)

    @property
    def consumers(self) -> Tuple[Layer, ...]:
        """The layers that compute other channels from these."""
        return self._layers(READS)

    def _layers(self, role: str) -> Tuple[Layer, ...]:
        found = {cut.layer.index: cut.layer for cut in self.members if cut.role == role}
        return tuple(found.values())


def channel_groups(model: Model) -> List[ChannelGroup]:
    """Return the groups of channels of a model as real Caffe would build it for TEST.

    The network remembers them, for weights of the same shapes.

    Raises:
        NetworkError: Caffe would refuse the network.
    """
    network, weights = model.network(), model.weights
    shapes = infer_shapes(network, weights=weights)
    question = channel_groups, None if weights is None else trained_shapes(network, weights)
    found = network.derived(question, lambda: tuple(find_groups(network, shapes, weights)))
    return list(found)


def find_groups(
    network: Network, shapes: Shapes, weights: Optional[Weights] = None
) -> List[ChannelGroup]:
    """Find out which channels must be cut together, and which cannot be cut.

    No layer is an error: what reads channels in a way that is not known keeps them whole.

    Args:
        network: The network.
        shapes: The shape of each of its values, None where that is not known.
        weights: Tell how many blobs there are where forks differ (BatchNorm, BN).

    Returns:
        The groups in the order of the network, those of its inputs included.
    """
    trace = trace_channels(network, shapes, weights)
    decisions = decide(trace)
    cuts = _cuts(trace, decisions)
    values = _value_cuts(trace, decisions)
    parts = find_parts(trace, decisions)
    through = _through(network, cuts, values)
    groups = []
    for number, name in enumerate(decisions.names):
        members, carrying = tuple(cuts.get(number, ())), tuple(values.get(number, ()))
        groups.append(
            ChannelGroup(
                name,
                decisions.origins[number],
                decisions.counts[number],
                members,
                carrying,
                tuple(through.get(number, ())),
                decisions.pinned[number],
                "; ".join(decisions.approximate[number]) or None,
                tuple(decisions.balanced[number]),
                parts[number],
            )
        )
    return groups


def _cuts(trace: Trace, decisions: Decisions) -> Dict[int, List[Cut]]:
    found: Dict[int, List[Cut]] = {}
    for use in trace.uses:
        for group, channels in _by_group(use.labels, decisions):
            cut = Cut(use.layer, use.blob, use.axis, use.axes, use.role, channels)
            found.setdefault(group, []).append(cut)
    return found


def _value_cuts(trace: Trace, decisions: Decisions) -> Dict[int, List[ValueCut]]:
    found: Dict[int, List[ValueCut]] = {}
    for value, labels in trace.labels.items():
        axes = [] if labels is None else varying(labels)
        if labels is None or not axes:
            continue
        for group, channels in _by_group(labels.ravel(), decisions):
            cut = ValueCut(value, axes[0], labels.ndim, channels)
            found.setdefault(group, []).append(cut)
    return found


def _by_group(labels: np.ndarray, decisions: Decisions) -> List[Tuple[int, np.ndarray]]:
    groups, channels = decisions.group_of[labels], decisions.channel_of[labels]
    first = int(groups.flat[0])
    if (groups == first).all():
        return [] if first == OTHER else [(first, channels)]
    present = [group for group in np.unique(groups).tolist() if group != OTHER]
    return [(group, np.where(groups == group, channels, OTHER)) for group in present]


def _through(
    network: Network, members: Mapping[int, List[Cut]], values: Mapping[int, List[ValueCut]]
) -> Dict[int, List[Layer]]:
    """For each group the layers that read and write its values and lose nothing themselves."""
    cut = {(group, one.layer.index) for group, found in members.items() for one in found}
    carried: Dict[Value, Set[int]] = defaultdict(set)
    for group, carrying in values.items():
        for one in carrying:
            carried[one.value].add(group)
    through: Dict[int, List[Layer]] = defaultdict(list)
    for layer in network.layers:
        read: Set[int] = set().union(*(carried.get(value, ()) for value in layer.bottoms))
        written: Set[int] = set().union(*(carried.get(value, ()) for value in layer.tops))
        for group in read & written:
            if (group, layer.index) not in cut:
                through[group].append(layer)
    return through
