"""Which channels go next, of all groups of a net (Molchanov et al. 2017)."""

from __future__ import annotations

import heapq
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import Calibrator
from netsurgery.costs import MACS, ChannelCost, NetCost
from netsurgery.criteria import WEIGHTS, Criterion, View, within_parts
from netsurgery.errors import PlanError
from netsurgery.network import ChannelGroup, Model, channel_groups
from netsurgery.planning import Skipped

LEAST_OF_BLOCK = 2
"""Channels that stay of a block, where convolutions in groups divide them into several."""
_LAST = "it has no more than must stay"
_OPERATIONS = 2e-6
"""Million operations of a multiply-accumulate: a product and a sum."""


class ChosenChannels(NamedTuple):
    """Which channels of a net go.

    Attributes:
        keep: For each group that loses some the channels that stay, rising.
        whole: The groups of which none can go, and why.
        ahead: Multiply-accumulates that are left then, and would be after each further round if
            channels kept their order; the last is what is to be left, or the least there can be.
    """

    keep: Dict[str, List[int]]
    whole: Tuple[Skipped, ...]
    ahead: Tuple[float, ...]


def choose_channels(
    model: Model,
    criterion: Criterion,
    limit: float,
    remove: int,
    calibrator: Optional[Calibrator] = None,
    seed: int = 0,
    *,
    flops_regularization: float = 0.0,
) -> ChosenChannels:
    """Return the channels that stay when the least of all groups go.

    Blocks of channels that must keep as many as each other lose one in turn, and count as many.

    Args:
        model: The net.
        criterion: Which channels go first.
        limit: Multiply-accumulates at which no more go.
        remove: How many go at most, to one block.
        calibrator: Runs inputs, for a criterion that looks at what the net computes.
        seed: Of what is drawn.
        flops_regularization: The factor lambda of Molchanov et al. 2017, there 1e-3: for each
            million operations that go with a channel, it counts for so much less. They tell neither
            their unit nor what they count; here it is what the net computes less at that moment.

    Raises:
        PlanError: The net computes no more already; nothing more can go.
    """
    groups = channel_groups(model)
    whole = {group.name: why for group in groups for why in (group.blocked,) if why}
    free = [group for group in groups if group.name not in whole]
    thinned = _Thinned(NetCost(model), free)
    if thinned.macs <= limit:
        raise PlanError(
            f"it computes {thinned.macs:,.0f} multiply-accumulates, which is no more than is to be "
            "left",
            file=model.prototxt.file,
            remedy="ask for a smaller share",
        )
    waiting = _queues([View(model, group, calibrator, seed) for group in free], criterion, whole)

    def worth(queue: _Queue) -> float:
        unit = queue.units[0]
        if not flops_regularization:
            return unit.loss
        return unit.loss - flops_regularization * thinned.operations(queue.name, unit.channels)

    gone = 0
    while gone < remove and thinned.macs > limit:
        heads = [queue for queue in waiting if queue.units]
        if not heads:
            break
        queue = min(heads, key=worth)
        channels = queue.units.pop(0).channels
        thinned.take(queue.name, channels)
        gone += len(channels)
    if not gone:
        raise PlanError(
            f"no channel is left that could go, at {thinned.macs:,.0f} multiply-accumulates of "
            f"{limit:,.0f} that are to be left",
            file=model.prototxt.file,
            remedy="ask for a larger share",
        )
    left = (Skipped(group.name, whole[group.name]) for group in groups if group.name in whole)
    keep = thinned.keep
    return ChosenChannels(
        keep, tuple(left), (thinned.macs, *_ahead(thinned, waiting, limit, remove))
    )


def _ahead(
    thinned: _Thinned, waiting: Sequence[_Queue], limit: float, remove: int
) -> Iterator[float]:
    """What is computed after each further round, if channels keep their order."""
    heads = [(queue.units[0].loss, number) for number, queue in enumerate(waiting) if queue.units]
    heapq.heapify(heads)
    while heads and thinned.macs > limit:
        going: Dict[str, List[np.ndarray]] = {}
        count = 0
        while heads and count < remove:
            _, number = heapq.heappop(heads)
            queue = waiting[number]
            channels = queue.units.pop(0).channels
            going.setdefault(queue.name, []).append(channels)
            count += len(channels)
            if queue.units:
                heapq.heappush(heads, (queue.units[0].loss, number))
        for name, parts in going.items():
            thinned.take(name, np.concatenate(parts))
        yield max(thinned.macs, limit)


class _Thinned:
    """A net that loses channels: what it computes, and what it still has."""

    def __init__(self, net: NetCost, groups: Sequence[ChannelGroup]) -> None:
        self._cost = ChannelCost(net, groups, [MACS])
        self._masks = {group.name: np.ones(group.channels, bool) for group in groups}

    @property
    def macs(self) -> float:
        """Its multiply-accumulates."""
        return self._cost.now[MACS]

    @property
    def keep(self) -> Dict[str, List[int]]:
        """For each group that lost some the channels that are left."""
        return {
            name: np.flatnonzero(mask).tolist()
            for name, mask in self._masks.items()
            if not mask.all()
        }

    def operations(self, name: str, channels: np.ndarray) -> float:
        """How many million operations go with channels of a group."""
        after = self._cost.after(name, self._without(name, channels))
        return _OPERATIONS * (self.macs - after[MACS])

    def take(self, name: str, channels: np.ndarray) -> None:
        """Let channels of a group go."""
        self._masks[name] = self._without(name, channels)
        self._cost.take(name, self._masks[name])

    def _without(self, name: str, channels: np.ndarray) -> np.ndarray:
        mask = self._masks[name].copy()
        mask[channels] = False
        return mask


class _Unit(NamedTuple):
    """Channels that go together, and what that costs."""

    channels: np.ndarray
    loss: float


class _Queue(NamedTuple):
    """The units of a group, in their order."""

    name: str
    units: List[_Unit]


def _queues(views: Sequence[View], criterion: Criterion, whole: Dict[str, str]) -> List[_Queue]:
    """What goes of each group; never its last block. Of those that cannot be ranked, why."""
    if views and criterion.needs != WEIGHTS:
        views[0].require_calibrator()
    criterion.prepare(views)
    found = []
    for view in views:
        try:
            ranking = within_parts(criterion.ranking(view), view)
        except PlanError as error:  # nothing makes its channels, or they are in uneven blocks
            whole[view.group.name] = error.problem
            continue
        size = len(view.blocks or [[]])
        most = min(len(ranking.order), most_to_lose(view))
        starts = range(0, most - size + 1, size)
        units = [
            _Unit(ranking.order[at : at + size], float(ranking.losses[at : at + size].mean()))
            for at in starts
        ]
        if not units:
            whole[view.group.name] = _LAST
        found.append(_Queue(view.group.name, units))
    return found


def most_to_lose(view: View) -> int:
    """Return how many channels a group may lose.

    Args:
        view: The group.

    Raises:
        PlanError: Convolutions in groups divide it unevenly.
    """
    blocks, group = len(view.blocks or [[]]), view.group
    # With one channel a block, a convolution in groups would be another group of channels.
    least = blocks * LEAST_OF_BLOCK if blocks > 1 else 1
    return max(0, group.channels - max(least, len(group.pinned)))
