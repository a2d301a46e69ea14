"""The oracle: what the loss does when each channel alone is removed, by trying it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Dict, Iterator, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import Batch, Calibrator, LossRunner, open_loss
from netsurgery.engine import Capability
from netsurgery.measurements import MeasurementStore, MemoryStore, digest_of
from netsurgery.network import ChannelGroup, Model, first_reader, weights_reading
from netsurgery.progress import Progress, silent

NEEDS = (Capability.ABLATE, Capability.SET_PARAMETERS)
"""What an engine must be able to do."""
AT_ONCE = 16
"""Channels that are tried between two entries of a store."""


@dataclass(frozen=True, eq=False)
class Oracle:
    """The loss without each channel.

    Attributes:
        loss: Mean loss of the whole net.
        changes: For each group how much the mean loss grows without each channel, shape
            (channels,); NaN for channels that must stay.
        examples: For each group the mean, over the inputs, of how far the loss of each moves
            without each channel, shape (channels,); NaN likewise. Where some inputs gain and others
            lose, this is more than the change of the mean.
        halves: The changes on every other batch and on the batches between, shape (2, channels);
            NaN if there is only one batch.
        samples: Number of inputs.
    """

    loss: float
    changes: Dict[str, np.ndarray]
    examples: Dict[str, np.ndarray]
    halves: Dict[str, np.ndarray]
    samples: int

    @property
    def magnitudes(self) -> Dict[str, np.ndarray]:
        """The absolute values of the changes, which criteria are held against."""
        return {name: np.abs(changes) for name, changes in self.changes.items()}


def measure_oracle(
    model: Model,
    groups: Sequence[ChannelGroup],
    calibrator: Calibrator,
    store: Optional[MeasurementStore] = None,
    progress: Optional[Progress] = None,
) -> Oracle:
    """Remove each free channel alone, and see what becomes of the loss.

    A channel is removed by zeros in the weights that read it, which gives what the thinned net
    computes; only the layers from the first of these on are run again.

    Args:
        model: The model.
        groups: Its groups of channels.
        calibrator: Has the inputs, and names the engine.
        store: Keeps what was measured, so that an interrupted run goes on.
        progress: Told each channel.

    Raises:
        EngineError: There is no engine that can ablate, or it refuses the model.
        PlanError: The net has no loss, and no class scores to compute one from.
        FormatError: The store cannot be written.
    """
    inputs = calibrator.inputs
    groups = [group for group in groups if len(group.free)]
    # From the last layers to the first: what comes before a start is never touched before it.
    trials = sorted(
        (group for group in groups if group.consumers), key=lambda g: -first_reader(g).index
    )
    opened = open_loss(
        model, inputs, calibrator.engine, calibrator.task_output, NEEDS, calibrator.sessions
    )
    with ExitStack() as stack:
        runner = stack.enter_context(opened)
        key = digest_of(
            "oracle", model, inputs, inputs.labels, calibrator.task_output or "", runner.size
        )
        kept = _Kept(MemoryStore() if store is None else store, key)
        progress = progress or silent
        task = stack.enter_context(progress.task("oracle", len(inputs), "inputs"))
        for number, batch in enumerate(runner.batches()):
            _try_batch(runner, batch, number, trials, kept, progress)
            task.advance(batch.count)
    return _sum_up(groups, kept, -(-len(inputs) // runner.size), len(inputs))


class _Kept:
    """What one oracle measures, by batch, group and channels; a store has what is finite of it."""

    def __init__(self, store: MeasurementStore, key: str) -> None:
        self._store, self._key = store, key
        self._known: Dict[str, np.ndarray] = {}

    def find(
        self, batch: int, group: str = "", channels: Sequence[int] = ()
    ) -> Optional[np.ndarray]:
        key = digest_of(self._key, batch, group, tuple(channels))
        if key not in self._known:
            found = self._store.find(key)
            if found is None:
                return None
            self._known[key] = found["sums"]
        return self._known[key]

    def keep(
        self, sums: np.ndarray, batch: int, group: str = "", channels: Sequence[int] = ()
    ) -> None:
        key = digest_of(self._key, batch, group, tuple(channels))
        self._known[key] = sums
        told = f"{group} without {list(channels)}" if channels else "the net"
        self._store.keep(key, {"sums": sums}, f"loss of batch {batch}: {told}")


def _try_batch(
    runner: LossRunner,
    batch: Batch,
    number: int,
    groups: Sequence[ChannelGroup],
    kept: _Kept,
    progress: Progress,
) -> None:
    todo = [
        (group, part)
        for group in groups
        for part in _parts(group)
        if kept.find(number, group.name, part) is None
    ]
    if not todo and kept.find(number) is not None:
        return
    whole = runner.losses(runner.forward(batch), batch)
    kept.keep(np.array([whole.sum(), batch.count], float), number)
    for group, part in progress.each(todo, "without channels", "parts", _told):
        changes = _losses_without(runner, batch, group, part) - whole
        sums = np.stack([changes.sum(axis=1), np.abs(changes).sum(axis=1)])
        kept.keep(sums, number, group.name, part)


def _told(trial: Tuple[ChannelGroup, Sequence[int]]) -> str:
    group, part = trial
    return f"{group.name} without channel {part[0]}"


def _losses_without(
    runner: LossRunner, batch: Batch, group: ChannelGroup, channels: Sequence[int]
) -> np.ndarray:
    """The loss of each sample without each of some channels, shape (channels, samples)."""
    shapes = runner.session.parameter_shapes
    removed = [weights_reading(group, channel, shapes) for channel in channels]
    found = runner.session.forward_without(first_reader(group).name, removed, runner.watched)
    return np.stack(
        [
            runner.losses({name: blobs[turn] for name, blobs in found.items()}, batch)
            for turn in range(len(channels))
        ]
    )


def _parts(group: ChannelGroup) -> Iterator[Tuple[int, ...]]:
    free = group.free.tolist()
    for start in range(0, len(free), AT_ONCE):
        yield tuple(free[start : start + AT_ONCE])


def _sum_up(groups: Sequence[ChannelGroup], kept: _Kept, batches: int, samples: int) -> Oracle:
    whole = np.array([kept.find(number) for number in range(batches)])
    counts = np.stack([whole[half::2, 1].sum() for half in range(2)])
    sums = {group.name: _sums(group, kept, batches) for group in groups}
    with np.errstate(invalid="ignore"):
        halves = {name: found[0] / counts[:, None] for name, found in sums.items()}
    return Oracle(
        float(whole[:, 0].sum()) / samples,
        {name: found[0].sum(axis=0) / samples for name, found in sums.items()},
        {name: found[1].sum(axis=0) / samples for name, found in sums.items()},
        halves,
        samples,
    )


def _sums(group: ChannelGroup, kept: _Kept, batches: int) -> np.ndarray:
    """Sums of the changes and of their magnitudes over either half, shape (2, 2, channels)."""
    sums = np.zeros((2, 2, group.channels))
    sums[..., list(group.pinned)] = np.nan
    for number in range(batches) if group.consumers else ():
        for part in _parts(group):
            found = kept.find(number, group.name, part)
            assert found is not None, "every batch was tried"
            sums[:, number % 2, list(part)] += found
    return sums
