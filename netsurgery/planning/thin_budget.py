"""Spend a budget on channels: what costs the net least for what it saves goes first."""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Dict, Iterator, List, Mapping, Optional, Sequence

import numpy as np

from netsurgery.costs import (
    BYTES,
    LATENCY,
    MACS,
    PARAMS,
    Budget,
    ChannelCost,
    Cost,
    NetCost,
    Stepwise,
)
from netsurgery.criteria import RemovalOrder, View
from netsurgery.errors import PlanError
from netsurgery.linalg import Blocks
from netsurgery.network import ChannelGroup, Model, thin_model

LEAST = 0.1
"""No ranking takes more than nine tenths of a group: behind that its losses mean nothing."""

STEPS = 64
"""Into how many steps a large group is divided."""

Kept = Dict[str, np.ndarray]


@dataclass(frozen=True)
class RemovalSteps:
    """The channels of a group in the order in which they go, some at a time.

    Attributes:
        name: The group.
        masks: Which channels are there after so many steps: all of them, and ever fewer.
        losses: What each step loses.
    """

    name: str
    masks: Sequence[np.ndarray]
    losses: Sequence[float]


def ladder(
    group: ChannelGroup, ranking: RemovalOrder, multiple: int, blocks: Optional[Blocks]
) -> RemovalSteps:
    """Return the steps in which a group gives up channels.

    Args:
        group: The group.
        ranking: In which order its channels go, and what each loses.
        multiple: Of what the number of channels kept is to be a multiple.
        blocks: Blocks of channels that keep as many as each other.
    """
    multiple = lcm(multiple, len(blocks or [group]))
    size = max(1, group.channels // STEPS)
    least = max(1, round(LEAST * group.channels), len(group.pinned))
    masks, gone = [np.ones(group.channels, bool)], 0
    losses: List[float] = []
    while True:
        after = (group.channels - gone - size) // multiple * multiple
        next_gone = group.channels - after
        if after < least or next_gone > len(ranking.order):
            return RemovalSteps(group.name, masks, losses)
        mask = masks[-1].copy()
        mask[ranking.order[gone:next_gone]] = False
        masks.append(mask)
        losses.append(float(ranking.losses[gone:next_gone].sum()))
        gone = next_gone


class RemovalCost:
    """The cost of a net whose groups go down their ladders."""

    def __init__(self, cost: ChannelCost, ladders: Sequence[RemovalSteps]) -> None:
        self._cost, self._ladders = cost, ladders
        self._places = {one.name: place for place, one in enumerate(ladders)}

    @property
    def now(self) -> Cost:
        """What the net costs as it now is."""
        return self._cost.now

    def after(self, part: int, number: int) -> Cost:
        """Return what it would cost if a group went down to a step."""
        one = self._ladders[part]
        return self._cost.after(one.name, one.masks[number])

    def take(self, part: int, number: int) -> None:
        """Let a group go down to a step."""
        one = self._ladders[part]
        self._cost.take(one.name, one.masks[number])

    def beside(self, part: int) -> Iterator[int]:
        """Yield the groups that have a part of the same blobs; itself, too."""
        names = self._cost.beside(self._ladders[part].name)
        return (self._places[name] for name in names if name in self._places)


def spend(
    net: NetCost,
    groups: Sequence[ChannelGroup],
    rankings: Mapping[str, RemovalOrder],
    budget: Budget,
    fixed: Mapping[str, np.ndarray],
    multiple: int = 1,
    seconds: Optional[float] = None,
) -> Kept:
    """Choose the channels that stay, so that the net costs no more than the budget.

    Args:
        net: What the network costs.
        groups: Its groups of channels.
        rankings: For the groups that may be cut, the order in which their channels go.
        budget: What may be left.
        fixed: For groups of which that is decided already, the channels that stay.
        multiple: Of what the number of channels kept is to be a multiple.
        seconds: What to plan for of a budget of time, if not what that allows.

    Returns:
        For each group in ``rankings``, the channels that stay, rising.

    Raises:
        PlanError: The budget cannot be met; the text says what can be.
    """
    ladders = [
        ladder(group, rankings[group.name], multiple, View(net.model, group).blocks)
        for group in groups
        if group.name in rankings
    ]
    limits = budget.limits(net.total)
    if seconds is not None:
        limits[LATENCY] = seconds
    allowed = limits.get(BYTES)
    while True:
        kept = _spend(net, groups, ladders, limits, fixed)
        if allowed is None:
            return kept
        # How many bytes say how long a blob is depends on how long it is.
        over = file_size(net.model, groups, {**kept, **fixed}) - allowed
        if over <= 0:
            return kept
        limits[BYTES] -= over


def _spend(
    net: NetCost,
    groups: Sequence[ChannelGroup],
    ladders: Sequence[RemovalSteps],
    limits: Mapping[str, float],
    fixed: Mapping[str, np.ndarray],
) -> Kept:
    currencies = list(dict.fromkeys((MACS, PARAMS, *limits)))
    cost = ChannelCost(net, groups, currencies)
    for name, kept in fixed.items():
        cost.take(name, np.isin(np.arange(cost.channels[name]), kept))
    problem = Stepwise([one.losses for one in ladders], RemovalCost(cost, ladders), cost.total)
    solution = problem.solve(limits)
    if solution is None:
        left = {name: cost.now[name] / max(cost.total[name], 1e-300) for name in currencies}
        raise _impossible(net.model, left, bool(fixed))
    return {
        one.name: np.flatnonzero(one.masks[number])
        for one, number in zip(ladders, solution.numbers)
    }


def file_size(model: Model, groups: Sequence[ChannelGroup], kept: Mapping[str, np.ndarray]) -> int:
    """Return the bytes of the weights of the thinned net."""
    weights = thin_model(model, groups, cut_of(groups, kept)).weights
    return weights.size() if weights else 0


def cut_of(groups: Sequence[ChannelGroup], kept: Mapping[str, np.ndarray]) -> Dict[str, List[int]]:
    """Return the channels that stay, of the groups that lose some."""
    return {
        group.name: kept[group.name].tolist()
        for group in groups
        if len(kept.get(group.name, ())) not in (0, group.channels)
    }


_TOLD = {MACS: "MACs", PARAMS: "parameters", BYTES: "bytes", LATENCY: "latency"}


def _impossible(model: Model, left: Mapping[str, float], fixed: bool) -> PlanError:
    """What can be had, as shares of each cost, and what stands in the way."""
    others, remedy = "", "allow as much, or see `netsurgery channels` for what keeps channels"
    if fixed:
        others = " and the others keep what widths and rules ask"
        remedy = "allow as much, or leave widths and rules out"
    shares: List[str] = [f"{share:.3f} of the {_TOLD[name]}" for name, share in left.items()]
    told = " and ".join(filter(None, (", ".join(shares[:-1]), shares[-1])))
    return PlanError(
        f"the budget cannot be met: {told} "
        f"are left when every group that may be cut has been{others}",
        file=model.prototxt.file,
        remedy=remedy,
    )
