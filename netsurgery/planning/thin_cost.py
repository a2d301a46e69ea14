"""What a thinned net costs, from how many channels each group keeps, without thinning it."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import prod
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Sequence, Set, Tuple, Union

import numpy as np

from netsurgery.network import ChannelGroup, Cut, Model, borrowed_blobs, count_cost, infer_shapes

Number = Union[int, Fraction]
Cost = Tuple[Number, Number]  # parameters, multiply-accumulates


class _Blob:
    """A blob that loses entries: what it costs whole, and how many of each axis are left."""

    def __init__(self, params: int, macs: int) -> None:
        self.params, self.macs = params, macs
        self.whole: Dict[int, int] = {}
        self.left: Dict[int, int] = {}

    def cost(self, gone: Mapping[int, int]) -> Cost:
        """What is left costs if so many more entries go from these axes."""
        left = prod(size - gone.get(axis, 0) for axis, size in self.left.items())
        whole = prod(self.whole.values())
        return _divided(self.params * left, whole), _divided(self.macs * left, whole)


class _Part(NamedTuple):
    """What a group has of a blob's axis: for each of its channels, how many entries."""

    blob: _Blob
    axis: int
    entries: np.ndarray


class ThinCost:
    """Counts parameters and multiply-accumulates of a net as its channels go.

    The whole net is looked at once. After that only those blobs are, of which a group of channels
    has a part.

    Attributes:
        params: Of the whole net.
        macs: Of the whole net.
        channels: How many each group has.
    """

    def __init__(self, model: Model, groups: Sequence[ChannelGroup]) -> None:
        network = model.network()
        costs = count_cost(network, infer_shapes(network, weights=model.weights), model)
        shared = borrowed_blobs(network.shared_parameters)
        params = {
            (c.layer.index, blob): int(np.prod(shape))
            for c in costs
            for blob, shape in enumerate(c.blobs or ())
            if (c.layer.index, blob) not in shared
        }
        macs = {(c.layer.index, 0): c.macs or 0 for c in costs}
        self.params, self.macs = sum(params.values()), sum(macs.values())
        self.channels = {group.name: group.channels for group in groups}
        self._now: Cost = self.params, self.macs
        self._masks = {group.name: np.ones(group.channels, bool) for group in groups}
        self._parts: Dict[str, List[_Part]] = {group.name: [] for group in groups}
        blobs: Dict[Tuple[int, int], _Blob] = {}
        owners: Dict[Tuple[int, int], Set[str]] = defaultdict(set)
        for group in groups:
            for cut in group.members:
                place = cut.layer.index, cut.blob
                blob = blobs.setdefault(place, _Blob(params.get(place, 0), macs.get(place, 0)))
                blob.whole[cut.axis] = blob.left[cut.axis] = cut.channels.size
                self._parts[group.name].append(_Part(blob, cut.axis, _entries(cut, group)))
                owners[place].add(group.name)
        self._beside = _beside(self.channels, owners.values())

    @property
    def now(self) -> Tuple[int, int]:
        """Parameters and multiply-accumulates of what is left."""
        return round(self._now[0]), round(self._now[1])

    def beside(self, name: str) -> FrozenSet[str]:
        """Return the groups whose savings change when this one loses channels; itself, too."""
        return self._beside[name]

    def after(self, name: str, mask: np.ndarray) -> Tuple[int, int]:
        """Return parameters and multiply-accumulates if a group lost more channels.

        Args:
            name: The group.
            mask: Which of its channels stay, shape (channels,), bool; none that went before.
        """
        params, macs = self._saved(name, mask)
        return round(self._now[0] - params), round(self._now[1] - macs)

    def take(self, name: str, mask: np.ndarray) -> None:
        """Let a group lose channels; arguments as for `after`."""
        params, macs = self._saved(name, mask)
        self._now = self._now[0] - params, self._now[1] - macs
        for part, gone in self._gone(name, mask):
            part.blob.left[part.axis] -= gone
        self._masks[name] = mask

    def _saved(self, name: str, mask: np.ndarray) -> Cost:
        gone: Dict[_Blob, Dict[int, int]] = defaultdict(dict)
        for part, count in self._gone(name, mask):
            gone[part.blob][part.axis] = gone[part.blob].get(part.axis, 0) + count
        pairs = [(blob.cost({}), blob.cost(axes)) for blob, axes in gone.items()]
        params = sum(before[0] - after[0] for before, after in pairs)
        return params, sum(before[1] - after[1] for before, after in pairs)

    def _gone(self, name: str, mask: np.ndarray) -> List[Tuple[_Part, int]]:
        going = np.flatnonzero(self._masks[name] & ~mask)
        return [(part, int(part.entries[going].sum())) for part in self._parts[name]]


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
