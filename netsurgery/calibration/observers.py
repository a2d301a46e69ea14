"""What is learnt of the inputs of a layer, and of the channels of a group, while models run."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.calibration.measuring import ObservedValue, Positions, Seen
from netsurgery.layers import MatrixProduct, Places
from netsurgery.linalg import Moments
from netsurgery.network import ChannelGroup, Value, ValueCut

PLACES = 64
"""Windows looked at in each sample: neighbouring ones tell little more."""

ROWS = 10_000
"""Rows that a sample of them holds, however many there were."""


class Part(NamedTuple):
    """A value of a model, or some of its channels.

    Attributes:
        source: The value.
        kept: The entries along the axis that are looked at; all if None.
        axis: The axis.
    """

    source: ObservedValue
    kept: Optional[np.ndarray] = None
    axis: int = 1

    def at(self, positions: Optional[Positions]) -> Part:
        """The same, looked at in some positions only; everywhere if None."""
        return self._replace(source=self.source._replace(at=positions))

    def of(self, seen: Seen) -> np.ndarray:
        """The array."""
        array = seen[self.source]
        return array if self.kept is None else array.take(self.kept, axis=self.axis)


class ResidualBranch(NamedTuple):
    """What a later layer adds to what a layer makes: the other branch of a sum.

    Attributes:
        now: It, in the model with the layer.
        wanted: The same in the original.
        scale: The factor of each channel of the layer on the way to the sum, shape (channels,).
    """

    now: Part
    wanted: Part
    scale: np.ndarray


class Target(NamedTuple):
    """What a layer should make.

    Attributes:
        part: What the original makes.
        beside: If the layer is to make up for what the other branch of a sum lacks, that branch.
    """

    part: Part
    beside: Optional[ResidualBranch] = None

    @property
    def sources(self) -> Tuple[ObservedValue, ...]:
        """All values it is made of."""
        beside = (self.beside.now, self.beside.wanted) if self.beside else ()
        return tuple(part.source for part in (self.part, *beside))

    def at(self, positions: Optional[Positions]) -> Target:
        """The same, looked at in some positions only; everywhere if None."""
        beside = self.beside and self.beside._replace(
            now=self.beside.now.at(positions), wanted=self.beside.wanted.at(positions)
        )
        return Target(self.part.at(positions), beside)

    def of(self, seen: Seen) -> np.ndarray:
        """The array that the layer should make."""
        wanted = self.part.of(seen)
        if self.beside is None:
            return wanted
        missing = self.beside.wanted.of(seen) - self.beside.now.of(seen)
        scale = self.beside.scale.reshape(-1, *(1,) * (wanted.ndim - 2))
        return wanted + np.divide(missing, scale, out=np.zeros_like(missing), where=scale != 0)


class WindowDraw:
    """Some windows of a layer, others in every batch, so that all are seen sooner or later.

    What they are of is known before the batch is run, so that an engine need send no more.
    """

    def __init__(self, product: MatrixProduct, random: np.random.Generator, most: int) -> None:
        """Draw for the first batch.

        Args:
            product: The layer.
            random: Chooses the windows.
            most: How many windows of each sample.
        """
        self._product, self._random, self._most = product, random, most
        self.draw()

    def draw(self) -> None:
        """Draw for the next batch."""
        self.places = choose_places(self._product, self._random, self._most)
        at = None if self.places is None else self._product.positions(self.places)
        self.made_at = None if self.places is None else Positions(self.places)
        self.read_at = None if at is None else Positions(at)

    def read(self, array: np.ndarray) -> np.ndarray:
        """Return the rows that the layer reads, shape (groups, m, d), of what is at `read_at`."""
        if self.places is None:
            return self._product.read(array)
        return self._product.read_gathered(array, self.places)

    def made(self, array: np.ndarray) -> np.ndarray:
        """Return the rows that it makes, shape (groups, m, n), of what is at `made_at`."""
        return self._product.made(array)


class ProductObserver:
    """Moments of the rows that a layer multiplies, and of what it should make of them.

    Attributes:
        moments: Those of each group of a convolution.
    """

    def __init__(
        self,
        product: MatrixProduct,
        source: ObservedValue,
        target: Optional[Target] = None,
        seed: int = 0,
        places: int = PLACES,
    ) -> None:
        """Choose what to look at.

        Args:
            product: The layer.
            source: What the rows are taken from.
            target: What it should make.
            seed: Chooses the windows.
            places: How many windows of each sample.
        """
        self.moments = Moments()
        self._source, self._target = source, target
        self._windows = WindowDraw(product, np.random.default_rng(seed), places)

    @property
    def sources(self) -> Tuple[ObservedValue, ...]:
        """What the rows are taken from, and what tells what the layer should make."""
        own = self._source._replace(at=self._rows_at())
        target = self._target and self._target.at(self._windows.made_at)
        return (own, *(target.sources if target else ()))

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        own, *_ = self.sources
        rows, target = self._rows(seen[own]), self._target
        if target is None:
            self.moments.add(rows)
        else:
            wanted = target.at(self._windows.made_at).of(seen)
            self.moments.add(rows, self._windows.made(wanted))
        self._windows.draw()

    def _rows_at(self) -> Optional[Positions]:
        return self._windows.read_at

    def _rows(self, array: np.ndarray) -> np.ndarray:
        return self._windows.read(array)


class OutputObserver(ProductObserver):
    """Moments of the rows that a layer makes, and of what it should make.

    Attributes:
        moments: Those of each group of a convolution.
    """

    def _rows_at(self) -> Optional[Positions]:
        return self._windows.made_at

    def _rows(self, array: np.ndarray) -> np.ndarray:
        return self._windows.made(array)


class RowObserver:
    """Some of the rows that a layer makes, and what it should make; each is as likely as the other.

    Attributes:
        rows: Shape (`ROWS`, outputs), float32; zeros behind the last where there were fewer.
        targets: What they should be.
        count: How many rows there were.
    """

    def __init__(
        self,
        product: MatrixProduct,
        source: ObservedValue,
        target: Target,
        outputs: int,
        seed: int = 0,
        places: int = PLACES,
    ) -> None:
        """Choose what to look at.

        Args:
            product: The layer.
            source: What it makes.
            target: What it should make.
            outputs: How many numbers it makes at a time.
            seed: Chooses the windows and the rows.
            places: How many windows of each sample.
        """
        self.rows, self.targets = np.zeros((2, ROWS, outputs), np.float32)
        self.count = 0
        self._source, self._target = source, target
        self._random = np.random.default_rng(seed)
        self._windows = WindowDraw(product, self._random, places)
        self._keys = np.zeros(ROWS)

    @property
    def sources(self) -> Tuple[ObservedValue, ...]:
        """What the layer makes, and what tells what it should make."""
        at = self._windows.made_at
        return (self._source._replace(at=at), *self._target.at(at).sources)

    def add(self, seen: Seen) -> None:
        """Take in a batch: of all rows those with the smallest of random keys stay."""
        at = self._windows.made_at
        made = [seen[self._source._replace(at=at)], self._target.at(at).of(seen)]
        new = [np.concatenate(self._windows.made(array), axis=1) for array in made]
        held = min(self.count, ROWS)
        keys = np.concatenate([self._keys[:held], self._random.random(len(new[0]))])
        stay = np.sort(np.argsort(keys, kind="stable")[:ROWS])
        come = stay[stay >= held]
        free = np.setdiff1d(np.arange(len(stay)), stay[stay < held])
        self._keys[free] = keys[come]
        for kept, fresh in zip((self.rows, self.targets), new):
            kept[free] = fresh[come - held]
        self.count += len(new[0])
        self._windows.draw()


def choose_places(product: MatrixProduct, random: np.random.Generator, most: int) -> Places:
    """Choose windows of a layer, others every time, so that all are seen sooner or later.

    Returns:
        Their numbers; None for all.
    """
    count = product.places
    return None if count <= most else np.sort(random.choice(count, most, replace=False))


class ChannelObserver:
    """What the channels of a group hold where other layers read them.

    Attributes:
        moments: Of rows with a number for each channel, one for every place and sample.
        parts: The same for each value that carries them, of places where all are that it holds;
            none where it would be the same.
        magnitude: Sum of absolute values of each channel.
        zeros: How often each channel was zero.
    """

    def __init__(self, group: ChannelGroup) -> None:
        self.moments = Moments()
        self.magnitude = np.zeros(group.channels)
        self.zeros = np.zeros(group.channels)
        self._channels = group.channels
        self._cuts = read_values(group)
        self._turns = {cut.value: _turns(cut) for cut in self._cuts}
        alone = len(self._cuts) == 1 and all(min(t) == max(t) for t in self._turns.values())
        self.parts = [] if alone else [Moments() for _ in self._cuts]

    @property
    def sources(self) -> Tuple[ObservedValue, ...]:
        """The values that carry the channels to the layers that read them."""
        return tuple(ObservedValue(cut.value) for cut in self._cuts)

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        for number, cut in enumerate(self._cuts):
            rows = channel_rows(seen[ObservedValue(cut.value)], cut, self._channels)
            self.moments.add(rows)
            if self.parts:
                turns = self._turns[cut.value]
                self.parts[number].add(rows[: len(rows) // max(turns) * min(turns)])
            self.magnitude += np.abs(rows).sum(axis=0)
            self.zeros += (rows == 0).sum(axis=0)

    def at(self, value: Value) -> Optional[Moments]:
        """Return the moments where a layer reads the value; None if it carries no channels."""
        if value not in self._turns:
            return None
        return self.parts[list(self._turns).index(value)] if self.parts else self.moments


def _turns(cut: ValueCut) -> List[int]:
    """How many entries each channel has that the value holds at all."""
    return np.unique(cut.channels[cut.channels >= 0], return_counts=True)[1].tolist()


def read_values(group: ChannelGroup) -> Tuple[ValueCut, ...]:
    """Return the values through which the group's channels reach the layers that read them."""
    read = {cut.layer.bottoms[0] for cut in group.members if cut.role == "reads"}
    return tuple(cut for cut in group.values if cut.value in read)


def channel_rows(array: np.ndarray, cut: ValueCut, channels: int) -> np.ndarray:
    """Return the numbers of each channel in an array, shape (m, channels).

    Where a channel has several entries along its axis, as behind a Flatten, each counts as a
    place. A channel that the array does not hold, or not as often as others, is filled with zeros.
    """
    moved = np.moveaxis(array, cut.axis, -1)
    moved = moved.reshape(-1, moved.shape[-1])
    found: List[np.ndarray] = []
    for entries in entries_by_turn(cut.channels, channels):
        rows = np.zeros((len(moved), channels), array.dtype)
        held = entries >= 0
        rows[:, held] = moved[:, entries[held]]
        found.append(rows)
    return np.concatenate(found)


def entries_by_turn(of_entry: np.ndarray, channels: int) -> List[np.ndarray]:
    """The first entry of every channel, then the second of each, and so on; -1 for none."""
    order = np.argsort(of_entry, kind="stable")
    order = order[of_entry[order] >= 0]
    sorted_channels = of_entry[order]
    starts = np.searchsorted(sorted_channels, sorted_channels)
    turn = np.arange(len(order)) - starts
    found = np.full((int(np.max(turn, initial=-1)) + 1, channels), -1)
    found[turn, sorted_channels] = order
    return list(found)
