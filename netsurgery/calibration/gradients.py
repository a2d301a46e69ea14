"""What the loss would do without a channel, to first order: Taylor expansions on inputs."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.losses import Pair, Read, gone_through
from netsurgery.calibration.observers import entries_by_turn
from netsurgery.calibration.session_pool import SessionPool
from netsurgery.engine import EngineLike
from netsurgery.errors import PlanError
from netsurgery.network import ChannelGroup, Model, Network, ValueCut
from netsurgery.progress import Progress

Pairs = Mapping[Read, Pair]


class GradientObserver:
    """First-order changes of the loss of each sample if a channel of a group were zero.

    Where several layers read the channels, from one value or from several, what goes through them
    adds up: each counts once, also where one value is computed from another.

    Attributes:
        magnitude: Sum over samples of the magnitude of the mean over places, shape (channels,).
        total: Sum over samples of the magnitude of the sum over places, shape (channels,).
        squared: Sum over samples of the square of the sum over places, shape (channels,).
        count: Number of samples.
    """

    def __init__(self, model: Model, group: ChannelGroup) -> None:
        self.magnitude = np.zeros(group.channels)
        self.total = np.zeros(group.channels)
        self.squared = np.zeros(group.channels)
        self.count = 0
        self._channels = group.channels
        self._reads = _reads(model.network(), group)
        for cut in self._reads.values():
            if cut.axis == 0:
                raise PlanError(
                    f"{cut.value} has its channels where samples are told apart",
                    layer=group.name,
                    remedy="judge them by their weights",
                )

    @property
    def reads(self) -> Tuple[Read, ...]:
        """Where it looks."""
        return tuple(self._reads)

    def add(self, seen: Pairs, count: int) -> None:
        """Take in a batch.

        Args:
            seen: Values and the gradients of each sample's loss; those that no loss depends on
                are left out.
            count: Number of samples.
        """
        means, sums = np.zeros((2, count, self._channels))
        for read, cut in self._reads.items():
            if read in seen:
                value, gradient = seen[read]
                total, places = products_by_channel(value, gradient, cut, self._channels, count)
                sums += total
                means += total / np.maximum(places, 1)
        self.magnitude += np.abs(means).sum(axis=0)
        self.total += np.abs(sums).sum(axis=0)
        self.squared += np.square(sums).sum(axis=0)
        self.count += count


def products_by_channel(
    value: np.ndarray, gradient: np.ndarray, cut: ValueCut, channels: int, count: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Return for each sample and channel the sum over places of value times gradient.

    Args:
        value: Array whose rows belong to samples, as many each.
        gradient: Of the same shape.
        cut: Where the channels are in it.
        channels: Number of channels.
        count: Number of samples.

    Returns:
        Sums, shape (count, channels), float64; and the number of places of each channel.
    """
    products = np.multiply(value, gradient, dtype=np.float64)
    moved = np.moveaxis(products, cut.axis, -1)
    by_entry = moved.reshape(count, -1, moved.shape[-1]).sum(axis=1)
    sums, places = np.zeros((count, channels)), np.zeros(channels)
    for entries in entries_by_turn(cut.channels, channels):
        held = entries >= 0
        sums[:, held] += by_entry[:, entries[held]]
        places[held] += products.size // (count * moved.shape[-1])
    return sums, places


def measure_gradients(
    model: Model,
    inputs: Inputs,
    observers: Sequence[GradientObserver],
    engine: EngineLike = None,
    output: Optional[str] = None,
    progress: Optional[Progress] = None,
    sessions: Optional[SessionPool] = None,
) -> None:
    """Run a model there and back over all inputs, once, and show every batch to the observers.

    Raises:
        EngineError: There is no engine with gradients, or it refuses the model.
        PlanError: The net has no loss, and no class scores to compute one from.
    """
    wanted = dict.fromkeys(read for observer in observers for read in observer.reads)
    network = model.network()
    with gone_through(model, inputs, engine, output, progress, sessions) as (runner, batches):
        reached = runner.net.reached
        reads = [
            read
            for read in wanted
            if not reached.isdisjoint(network.consumers(read.value)[read.turn].tops)
        ]
        for batch in batches:
            seen = runner.gradients(batch, reads) if reads else {}
            for observer in observers:
                observer.add(seen, batch.count)


def _reads(network: Network, group: ChannelGroup) -> Dict[Read, ValueCut]:
    """Every reading of a value that carries channels by a layer whose weights read them."""
    reading = {layer.index for layer in group.consumers}
    return {
        Read(cut.value, turn): cut
        for cut in group.values
        for turn, layer in enumerate(network.consumers(cut.value))
        if layer.index in reading
    }
