"""Choices whose costs depend on each other: what loses least for what it saves goes first."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Dict, Iterable, List, Mapping, Optional, Protocol, Sequence, Tuple

from netsurgery.costs.budget import Cost
from netsurgery.costs.problem import Problem, Solution


class Increments(Protocol):
    """The cost of a net while its parts are changed, one after another."""

    @property
    def now(self) -> Cost:
        """What it costs as it now is."""

    def after(self, part: int, number: int) -> Cost:
        """Return what it would cost if a part took its choice of that number."""

    def take(self, part: int, number: int) -> None:
        """Let a part take its choice of that number."""

    def beside(self, part: int) -> Iterable[int]:
        """Return the parts whose savings change when this one changes; itself, too."""


@dataclass(frozen=True)
class Stepwise(Problem):
    """Parts of a net that get smaller step by step; what a step saves depends on other parts.

    Again and again the step is taken that loses least for what it saves, which for losses that add
    up and grow is the best choice there is for its cost (Lagrange; see Molchanov et al. 2017 for
    one ranking of all channels).

    Attributes:
        losses: For each part, what each of its steps loses; choice n has taken the first n.
        cost: What the net costs; it keeps what was chosen.
        whole: What the net cost before anything was done to it, to weigh currencies by.
    """

    losses: Sequence[Sequence[float]]
    cost: Increments
    whole: Mapping[str, float]

    def solve(self, limits: Mapping[str, float]) -> Optional[Solution]:
        """Take steps until all limits are kept; None if no step is left before that."""
        taken = [0] * len(self.losses)
        market: Optional[_Market] = None
        over = _over(self.cost.now, limits)
        while over:
            if market is None or market.over != over:
                market = _Market(self, taken, over)
            cheapest = market.best()
            if cheapest is None:
                return None
            market.take(cheapest)
            over = _over(self.cost.now, limits)
        loss = sum(sum(own[:number]) for own, number in zip(self.losses, taken))
        return Solution(tuple(taken), float(loss))


def _over(cost: Mapping[str, float], limits: Mapping[str, float]) -> List[str]:
    """The currencies of which too much is spent."""
    return [name for name, limit in limits.items() if cost[name] > limit]


class _Market:
    """The next step of every part, and what it loses for what it saves of what is too much.

    A price stands until a part beside it is changed.

    Attributes:
        over: The currencies of which too much is spent.
    """

    def __init__(self, problem: Stepwise, taken: List[int], over: Sequence[str]) -> None:
        self.over = over
        self._problem, self._taken = problem, taken
        self._prices: Dict[int, float] = {}
        self._heap: List[Tuple[float, int]] = []
        for part in range(len(taken)):
            self._ask(part)

    def best(self) -> Optional[int]:
        """The part whose next step loses least for what it saves, the first of equal ones."""
        while self._heap:
            price, part = self._heap[0]
            if self._prices.get(part) == price:
                return part
            heapq.heappop(self._heap)  # the price has changed since
        return None

    def take(self, part: int) -> None:
        """Carry out the next step of a part."""
        self._taken[part] += 1
        self._problem.cost.take(part, self._taken[part])
        for other in self._problem.cost.beside(part):
            self._ask(other)

    def _ask(self, part: int) -> None:
        """Put the price of a part's next step down, or that it has none."""
        self._prices.pop(part, None)
        problem, step = self._problem, self._taken[part]
        if step == len(problem.losses[part]):
            return
        now, after = problem.cost.now, problem.cost.after(part, step + 1)
        saved = sum((now[name] - after[name]) / problem.whole[name] for name in self.over)
        loss = problem.losses[part][step]
        if saved > 0 and loss / saved < float("inf"):
            self._prices[part] = loss / saved
            heapq.heappush(self._heap, (loss / saved, part))
