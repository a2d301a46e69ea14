"""What a thinned net costs, from how many channels each group keeps, without thinning it."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import prod
from typing import (
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Set,
    Tuple,
    Union,
)

import numpy as np

from netsurgery.costs.budget import LATENCY, Cost
from netsurgery.costs.net_cost import NetCost
from netsurgery.network import ChannelGroup, Cut

Number = Union[int, Fraction]
Exact = Dict[str, Number]

NANO = 1e9
"""Seconds are counted in whole nanoseconds: sums must not depend on the order of their parts."""


class _Blob:
    """A blob that loses entries: what it costs whole, and how many of each axis are left."""

    def __init__(self, cost: Mapping[str, int]) -> None:
        self.whole_cost = cost
        self.whole: Dict[int, int] = {}
        self.left: Dict[int, int] = {}

    def saved(self, gone: Mapping[int, int]) -> Iterator[Tuple[str, Number]]:
        """What is saved in each currency if so many more entries go from these axes."""
        after = {**self.left, **{axis: self.left[axis] - count for axis, count in gone.items()}}
        fewer = prod(self.left.values()) - prod(after.values())
        whole = prod(self.whole.values())
        for name, cost in self.whole_cost.items():
            yield name, _divided(cost * fewer, whole)


class _Part(NamedTuple):
    """An axis of a blob, of which a group has entries."""

    blob: _Blob
    axis: int


class ChannelCost:
    """Counts what a net costs as its channels go.

    The whole net is looked at once. After that only those blobs are, of which a group of channels
    has a part. A layer's time is taken to fall as its multiply-accumulates do.

    Attributes:
        total: Of the whole net, in each currency.
        channels: How many each group has.
    """

    def __init__(
        self, net: NetCost, groups: Sequence[ChannelGroup], currencies: Sequence[str]
    ) -> None:
        """Look at the net.

        Args:
            net: What the whole net costs.
            groups: Its groups of channels.
            currencies: What is counted.
        """
        self.total: Cost = {name: net.total[name] for name in currencies}
        self.channels = {group.name: group.channels for group in groups}
        self._now: Exact = dict(_exact(self.total))
        self._masks = {group.name: np.ones(group.channels, bool) for group in groups}
        self._parts: Dict[str, List[_Part]] = {group.name: [] for group in groups}
        costs = net.blobs(currencies)
        blobs: Dict[Tuple[int, int], _Blob] = {}
        owners: Dict[Tuple[int, int], Set[str]] = defaultdict(set)
        # For each part of a group, how many entries each of its channels has there.
        self._entries: Dict[str, np.ndarray] = {}
        for group in groups:
            entries = [_entries(cut, group) for cut in group.members]
            self._entries[group.name] = np.array(entries, int).reshape(-1, group.channels)
            for cut in group.members:
                place = cut.layer.index, cut.blob
                own = costs.get(place, {})
                known = _exact({name: own.get(name, 0) for name in currencies})
                blob = blobs.setdefault(place, _Blob(known))
                blob.whole[cut.axis] = blob.left[cut.axis] = cut.channels.size
                self._parts[group.name].append(_Part(blob, cut.axis))
                owners[place].add(group.name)
        self._beside = _beside(self.channels, owners.values())

    @property
    def now(self) -> Cost:
        """What is left costs; counts whole, of a file the most that it may take."""
        return _rounded(self._now)

    def beside(self, name: str) -> FrozenSet[str]:
        """Return the groups whose savings change when this one loses channels; itself, too."""
        return self._beside[name]

    def after(self, name: str, mask: np.ndarray) -> Cost:
        """Return what is left costs if a group lost more channels.

        Args:
            name: The group.
            mask: Which of its channels stay, shape (channels,), bool; none that went before.
        """
        return _rounded(self._without(self._saved(name, mask)))

    def take(self, name: str, mask: np.ndarray) -> None:
        """Let a group lose channels; arguments as for `after`."""
        self._now = self._without(self._saved(name, mask))
        for part, gone in self._gone(name, mask):
            part.blob.left[part.axis] -= gone
        self._masks[name] = mask

    def _without(self, saved: Mapping[str, Number]) -> Exact:
        return {name: cost - saved[name] for name, cost in self._now.items()}

    def _saved(self, name: str, mask: np.ndarray) -> Exact:
        gone: Dict[_Blob, Dict[int, int]] = defaultdict(dict)
        for part, count in self._gone(name, mask):
            gone[part.blob][part.axis] = gone[part.blob].get(part.axis, 0) + count
        saved: Exact = dict.fromkeys(self.total, 0)
        for blob, axes in gone.items():
            for currency, less in blob.saved(axes):
                saved[currency] += less
        return saved

    def _gone(self, name: str, mask: np.ndarray) -> List[Tuple[_Part, int]]:
        counts = self._entries[name][:, self._masks[name] & ~mask].sum(axis=1)
        return list(zip(self._parts[name], counts.tolist()))


def _exact(cost: Mapping[str, float]) -> Dict[str, int]:
    return {
        name: round(value * NANO) if name == LATENCY else int(value) for name, value in cost.items()
    }


def _rounded(cost: Mapping[str, Number]) -> Cost:
    return {
        name: float(value) / NANO if name == LATENCY else round(value)
        for name, value in cost.items()
    }


def _divided(above: int, below: int) -> Number:
    """The exact quotient: sums of them do not depend on the order in which channels went."""
    whole, rest = divmod(above, below)
    return Fraction(above, below) if rest else whole


def _entries(cut: Cut, group: ChannelGroup) -> np.ndarray:
    own = cut.channels[cut.channels >= 0]
    return np.bincount(own, minlength=group.channels)


def _beside(names: Mapping[str, int], owners: Iterable[Set[str]]) -> Dict[str, FrozenSet[str]]:
    found: Dict[str, Set[str]] = {name: {name} for name in names}
    for together in owners:
        for name in together:
            found[name] |= together
    return {name: frozenset(others) for name, others in found.items()}
