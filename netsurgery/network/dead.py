"""Channels that a network can do without, exactly: nobody reads them, or they never change.

A net pruned by masks or group sparsity is full of them. A channel is unread when every weight
that meets it is zero, but for the rows of outputs which are unread themselves. It is constant when
weights alone decide what it holds where it is read; then its share goes into the reader's bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.layers import MAKES, READS, Shape, Value
from netsurgery.network.channels import ChannelGroup, Cut
from netsurgery.network.constants import follow_constants
from netsurgery.network.linear import Linear, find_linear
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes

Masks = Dict[str, np.ndarray]


class Reading(NamedTuple):
    """A layer that computes other channels from those of a group.

    Attributes:
        cut: The axis of its weights along which they lie.
        linear: Its weights; None where they are not known.
        channels: For every input the channel it is, or -1; shape (groups, inputs of a group).
        constants: What every input holds, NaN where that depends on the net's input.
    """

    cut: Cut
    linear: Optional[Linear]
    channels: np.ndarray
    constants: np.ndarray


@dataclass(frozen=True, eq=False)
class Dead:
    """What is dead in a group of channels.

    Attributes:
        group: The group.
        channels: For each channel, whether the net can do without it.
        stuck: Constant channels that cannot go, and why.
        readings: Who reads the group.
    """

    group: ChannelGroup
    channels: np.ndarray
    stuck: Mapping[int, str]
    readings: Tuple[Reading, ...]

    def why(self, channel: int) -> str:
        """Why a channel is not dead, to be put behind a sentence; empty where it just is alive."""
        return f": {self.stuck[channel]}" if channel in self.stuck else ""


def find_dead(model: Model, groups: Iterable[ChannelGroup]) -> Dict[str, Dead]:
    """Return what is dead in each group of channels, by the group's name.

    Channels that must stay, and groups that cannot be cut exactly, count as alive. All dead
    channels of one group may go at once; each cut can make others dead.

    Args:
        model: The network with its weights.
        groups: Its groups of channels.
    """
    groups = list(groups)
    readings = _readings(model, groups)
    unread = _unread(groups, readings)
    needed = _Needed(groups, unread)
    return {group.name: _dead(group, readings[group.name], needed) for group in groups}


def _readings(model: Model, groups: Iterable[ChannelGroup]) -> Dict[str, Tuple[Reading, ...]]:
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    linear = find_linear(model, network, shapes)
    held = follow_constants(model, network, shapes, linear)
    return {
        group.name: tuple(
            _reading(cut, linear.get(cut.layer.index), held, shapes)
            for cut in group.members
            if cut.role == READS and cut.blob == 0
        )
        for group in groups
    }


def _reading(
    cut: Cut,
    linear: Optional[Linear],
    held: Mapping[Value, Optional[np.ndarray]],
    shapes: Mapping[Value, Optional[Shape]],
) -> Reading:
    if linear is None:
        return Reading(cut, None, cut.channels, np.full(cut.channels.shape, np.nan))
    found = []
    for value in cut.layer.bottoms:
        array, shape = held[value], shapes[value]
        assert array is not None, "its blobs could not be known else"
        assert shape is not None
        found.append(linear.entries(array, shape))
    constants = reduce(lambda one, other: np.where(one == other, one, np.nan), found)
    return Reading(cut, linear, cut.channels.reshape(constants.shape), constants)


class _Needed:
    """Which outputs of a layer somebody needs; ``unread`` may change meanwhile."""

    def __init__(self, groups: Iterable[ChannelGroup], unread: Masks) -> None:
        self._unread = unread
        self._makers: Dict[int, List[Tuple[str, np.ndarray]]] = {}
        for group in groups:
            for cut in group.members:
                if cut.role == MAKES and cut.blob == 0:
                    made = (group.name, cut.channels.ravel())
                    self._makers.setdefault(cut.layer.index, []).append(made)

    def touched(self, reading: Reading) -> np.ndarray:
        """Whether needed outputs of a layer depend on its inputs, as ``reading.channels``."""
        linear = reading.linear
        if linear is None:
            return np.ones(reading.channels.shape, bool)
        rows = np.ones(linear.weights.shape[:2], bool)
        for name, channels in self._makers.get(linear.layer.index, ()):
            needless = np.append(self._unread[name], False)[channels]
            rows &= ~needless.reshape(rows.shape)
        return np.any(linear.touched & rows[:, :, None], axis=1)


def _unread(groups: List[ChannelGroup], readings: Mapping[str, Tuple[Reading, ...]]) -> Masks:
    """The most channels that nobody but channels among themselves reads."""
    unread = {group.name: _free(group) for group in groups}
    needed = _Needed(groups, unread)
    changed = True
    while changed:
        changed = False
        for group in reversed(groups):
            mask = unread[group.name]
            for reading in readings[group.name] if mask.any() else ():
                read = _of(reading, needed.touched(reading), group.channels)
                changed = changed or bool((mask & read).any())
                mask &= ~read
    return unread


def _free(group: ChannelGroup) -> np.ndarray:
    mask = np.zeros(group.channels, bool)
    if not group.approximate:
        mask[group.free] = True
    return mask


def _of(reading: Reading, entries: np.ndarray, channels: int) -> np.ndarray:
    """The channels to which any of these entries of a layer belongs."""
    mask = np.zeros(channels + 1, bool)
    mask[reading.channels[entries]] = True
    return mask[:-1]


def _dead(group: ChannelGroup, readings: Tuple[Reading, ...], needed: _Needed) -> Dead:
    dead, stuck = _free(group), {}
    for reading in readings:
        matters = needed.touched(reading) & (reading.constants != 0)
        dead &= ~_of(reading, matters & np.isnan(reading.constants), group.channels)
    for reading in readings:
        if reading.linear is None or reading.linear.takes_constants:
            continue
        matters = needed.touched(reading) & (reading.constants != 0)
        holding = dead & _of(reading, matters, group.channels)
        stuck.update(dict.fromkeys(np.flatnonzero(holding).tolist(), _why(reading.linear)))
    dead[list(stuck)] = False
    return Dead(group, dead, stuck, readings)


def _why(linear: Linear) -> str:
    layer = f"{linear.layer.name} ({linear.layer.type})"
    if linear.meets_all:
        return f"{layer} has no bias to take what they add"
    return f"{layer} meets zeros beside them at the border, so that a bias cannot stand in"
