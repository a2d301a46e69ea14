"""About how many rounds a loop of removing and tuning takes, by a dry run of what nets cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from netsurgery.costs import MACS, ChannelCost, NetCost
from netsurgery.criteria import View
from netsurgery.errors import PlanError
from netsurgery.network import ChannelGroup, Model, channel_groups
from netsurgery.pruning.channel_choice import most_to_lose

_POINTS = 32
"""Nets that the dry run looks at: a curve of costs is smooth."""


@dataclass(frozen=True, eq=False)
class LoopLength:
    """The rounds that a loop would take if all groups lost an equal share of their channels.

    Attributes:
        macs: What the net of each round computes, as a share of the whole net's, falling.
    """

    macs: np.ndarray

    @classmethod
    def dry_run(cls, model: Model, share: float, remove: int) -> LoopLength:
        """Count the rounds, and cost their nets.

        Args:
            model: The net before the loop.
            share: Of its multiply-accumulates that is to be left.
            remove: How many channels go in a round.

        Raises:
            NetworkError: What it computes is not known, as a shape is not.
        """
        gone, left = _curve(model)
        wanted = float(np.interp(-share, -left, gone))
        rounds = max(1, int(np.ceil(wanted / remove - 1e-9)))
        numbers = np.minimum(remove * np.arange(1, rounds + 1), wanted)
        return cls(np.interp(numbers, gone, left))

    @property
    def work(self) -> float:
        """What all rounds compute, in rounds of the whole net."""
        return float(self.macs.sum())


def _curve(model: Model) -> Tuple[np.ndarray, np.ndarray]:
    """What a net computes, as a share, once so many channels are gone, all groups alike."""
    groups = [group for group in channel_groups(model) if not group.blocked]
    most = [_most(model, group) for group in groups]
    cost = ChannelCost(NetCost(model), groups, [MACS])
    whole, gone, left = cost.now[MACS], [0.0], [1.0]
    for point in range(1, _POINTS + 1):
        counts = [round(point / _POINTS * number) for number in most]
        for group, count in zip(groups, counts):
            mask = np.ones(group.channels, bool)
            mask[group.free[:count]] = False
            cost.take(group.name, mask)
        gone.append(float(sum(counts)))
        left.append(cost.now[MACS] / whole)
    return np.array(gone), np.array(left)


def _most(model: Model, group: ChannelGroup) -> int:
    try:
        return most_to_lose(View(model, group))
    except PlanError:
        return 0
