"""Spend a budget on channels: what costs the net least for what it saves goes first."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from math import lcm
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.criteria import RemovalOrder, View
from netsurgery.errors import PlanError
from netsurgery.linalg import Blocks
from netsurgery.network import ChannelGroup, Model
from netsurgery.planning.thin_cost import ThinCost

LEAST = 0.1
"""No ranking takes more than nine tenths of a group: behind that its losses mean nothing."""

STEPS = 64
"""Into how many steps a large group is divided."""


@dataclass(frozen=True)
class ThinBudget:
    """What may be left of a net.

    Attributes:
        macs: Share of its multiply-accumulates.
        params: Share of its parameters.

    Raises:
        PlanError: A share is not between 0 and 1, or there is none.
    """

    macs: Optional[float] = None
    params: Optional[float] = None

    def __post_init__(self) -> None:
        given = [share for share in (self.macs, self.params) if share is not None]
        if not given or any(not 0 < share <= 1 for share in given):
            raise PlanError("a budget is a share of the net's cost, above 0 and up to 1")


class _Queue:
    """The channels of a group in the order in which they go, some at a time."""

    def __init__(
        self, group: ChannelGroup, ranking: RemovalOrder, multiple: int, blocks: Blocks
    ) -> None:
        self.mask = np.ones(group.channels, bool)
        self._ranking = ranking
        self._multiple = lcm(multiple, len(blocks or [group]))
        self._size = max(1, group.channels // STEPS)
        self._least = max(1, round(LEAST * group.channels), len(group.pinned))
        self._gone = 0

    def step(self) -> Optional[Tuple[np.ndarray, float]]:
        """The mask after the next step, and what the step loses; None where nothing more goes."""
        kept = len(self.mask) - self._gone
        after = (kept - self._size) // self._multiple * self._multiple
        gone = len(self.mask) - after
        if after < self._least or gone > len(self._ranking.order):
            return None
        mask = self.mask.copy()
        mask[self._ranking.order[self._gone : gone]] = False
        return mask, float(self._ranking.losses[self._gone : gone].sum())

    def take(self, mask: np.ndarray) -> None:
        """Carry out a step."""
        self.mask, self._gone = mask, int((~mask).sum())


def spend(
    model: Model,
    groups: Sequence[ChannelGroup],
    rankings: Mapping[str, RemovalOrder],
    budget: ThinBudget,
    fixed: Mapping[str, np.ndarray],
    multiple: int = 1,
) -> Dict[str, np.ndarray]:
    """Choose the channels that stay, so that the net costs no more than the budget.

    Again and again the step is taken that loses least for what it saves, which for losses that add
    up and grow is the best choice there is for its cost (Lagrange; see Molchanov et al. 2017 for
    one ranking of all channels).

    Args:
        model: The network.
        groups: Its groups of channels.
        rankings: For the groups that may be cut, the order in which their channels go.
        budget: What may be left.
        fixed: For groups of which that is decided already, the channels that stay.
        multiple: Of what the number of channels kept is to be a multiple.

    Returns:
        For each group in ``rankings``, the channels that stay, rising.

    Raises:
        PlanError: The budget cannot be met; the text says what can be.
    """
    cost = ThinCost(model, groups)
    whole = np.array([cost.macs, cost.params], float)
    limit = whole * [budget.macs or 1.0, budget.params or 1.0]
    for name, kept in fixed.items():
        cost.take(name, np.isin(np.arange(cost.channels[name]), kept))
    queues = {
        group.name: _Queue(group, rankings[group.name], multiple, View(model, group).blocks)
        for group in groups
        if group.name in rankings
    }
    market: Optional[_Market] = None
    now = np.array(cost.now[::-1], float)
    while (now > limit).any():
        if market is None or (market.over != (now > limit)).any():
            market = _Market(cost, queues, whole, now > limit)
        cheapest = market.best()
        if cheapest is None:
            raise _impossible(model, now / whole, bool(fixed))
        market.take(cheapest)
        now = np.array(cost.now[::-1], float)
    return {name: np.flatnonzero(queue.mask) for name, queue in queues.items()}


class _Market:
    """The next step of every group, and what it loses for what it saves of what is too much.

    A price stands until a group beside it, which has a part of the same blobs, is cut.

    Attributes:
        over: What is over the budget: MACs, parameters.
    """

    def __init__(
        self, cost: ThinCost, queues: Mapping[str, _Queue], whole: np.ndarray, over: np.ndarray
    ) -> None:
        self.over = over
        self._cost, self._queues, self._whole = cost, queues, whole
        self._places = {name: place for place, name in enumerate(queues)}
        self._names = list(queues)
        self._prices: Dict[int, float] = {}
        self._heap: List[Tuple[float, int]] = []
        for name in queues:
            self._ask(name)

    def best(self) -> Optional[str]:
        """The group whose next step loses least for what it saves, the first of equal ones."""
        while self._heap:
            price, place = self._heap[0]
            if self._prices.get(place) == price:
                return self._names[place]
            heapq.heappop(self._heap)  # the price has changed since
        return None

    def take(self, name: str) -> None:
        """Carry out the next step of a group."""
        step = self._queues[name].step()
        assert step is not None
        self._cost.take(name, step[0])
        self._queues[name].take(step[0])
        for other in self._cost.beside(name):
            if other in self._queues:
                self._ask(other)

    def _ask(self, name: str) -> None:
        """Put the price of a group's next step down, or that it has none."""
        place = self._places[name]
        self._prices.pop(place, None)
        step = self._queues[name].step()
        if step is None:
            return
        mask, loss = step
        now, after = (
            np.array(cost[::-1], float) for cost in (self._cost.now, self._cost.after(name, mask))
        )
        saved = float(((now - after) / self._whole)[self.over].sum())
        if saved > 0 and loss / saved < np.inf:
            self._prices[place] = loss / saved
            heapq.heappush(self._heap, (loss / saved, place))


def _impossible(model: Model, left: np.ndarray, fixed: bool) -> PlanError:
    """What can be had, as shares of MACs and of parameters, and what stands in the way."""
    others, remedy = "", "allow as much, or see `netsurgery channels` for what keeps channels"
    if fixed:
        others = " and the others keep what widths and rules ask"
        remedy = "allow as much, or leave widths and rules out"
    return PlanError(
        f"the budget cannot be met: {left[0]:.3f} of the MACs and {left[1]:.3f} of the parameters "
        f"are left when every group that may be cut has been{others}",
        file=model.prototxt.file,
        remedy=remedy,
    )
