"""The multiple-choice knapsack: one of its choices for every layer, at the least loss.

Exact: dynamic programming over partial selections, of which only those go on that no other one
beats and that a Lagrangian bound does not rule out (Dyer, Kayal and Walker 1984; Pisinger 1995).

With several budgets there can be more of these than anybody waits for. The work is limited then;
what a beam search finds is taken, and the bound says how far from the best it is at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.costs.budget import Cost
from netsurgery.costs.problem import Problem, Solution
from netsurgery.errors import PlanError, Remedy

_FIRST = 1e-5
"""How far above the bound the best is looked for first, as a share of all losses; then further."""
_SLACK = 1e-12
"""What rounding may do to a bound, as a share of all losses."""
_RIVALS = 256
"""Selections that all others are held against where there are several budgets."""

RATE = 2e7
"""Selections that are made or compared in a second, about. Time is told in these, not in seconds,
so that the same question has the same answer on every machine."""
_AT_ONCE = 20_000_000
"""Selections that memory should hold."""
_BEAM = 2000
"""Selections that a beam search goes on with."""


class _SpentError(Exception):
    """The work that was allowed is done."""


class _Work:
    """Counts what is done, and stops it."""

    def __init__(self, most: float) -> None:
        self._left = most

    def spend(self, count: float) -> None:
        self._left -= count
        if self._left < 0 or count > _AT_ONCE:
            raise _SpentError


class Table(NamedTuple):
    """The choices of one layer.

    Attributes:
        losses: Of each choice, shape (n,).
        costs: Of each choice in every budget, shape (n, m), not negative.
    """

    losses: np.ndarray
    costs: np.ndarray


@dataclass(frozen=True)
class Independent(Problem):
    """Layers whose choices cost the same whatever the others take: the best is found exactly.

    Attributes:
        currencies: What the columns of costs are.
        tables: The choices of each layer.
        seconds: How long to look for the best, about; see `RATE`.
    """

    currencies: Sequence[str]
    tables: Sequence[Table]
    seconds: float = float("inf")

    def solve(self, limits: Mapping[str, float]) -> Optional[Solution]:
        """Return the best selection that keeps to all limits; None if none does.

        Raises:
            PlanError: None was found in the time, though there may be one.
        """
        allowed = [limits[name] for name in self.currencies]
        return solve(self.tables, allowed, self.seconds * RATE)

    def least(self) -> Cost:
        """Return the least that any selection costs, in each currency for itself."""
        costs = cheapest(self.tables) if self.tables else np.zeros(len(self.currencies))
        return dict(zip(self.currencies, map(float, costs)))


class _States(NamedTuple):
    """Selections for the first layers: their costs, and their loss above the bound."""

    costs: np.ndarray
    losses: np.ndarray
    excess: np.ndarray


def solve(
    tables: Sequence[Table], limits: Sequence[float], most: float = float("inf")
) -> Optional[Solution]:
    """Choose for every table, so that no budget is exceeded and the losses add up to the least.

    Args:
        tables: The choices of each layer.
        limits: What may be spent in every budget, shape (m,).
        most: How many selections are made or compared before what there is is taken.

    Returns:
        The choice for each table: the first of each if those fit and lose nothing; None if no
        selection fits.

    Raises:
        PlanError: The work was done before one was found that fits.
    """
    limit = np.asarray(limits, float)
    first = tuple(0 for _ in tables)
    whole = sum((table.costs[0] for table in tables), np.zeros(len(limit)))
    if (whole <= limit).all() and all(table.losses[0] == table.losses.min() for table in tables):
        return Solution(first, _loss(tables, first), 0.0)
    if not tables:
        return None
    useful = [_undominated(table) for table in tables]
    small = [
        Table(t.losses[keep].astype(float), t.costs[keep].astype(float))
        for t, keep in zip(tables, useful)
    ]
    prices = _prices(small, limit)
    if prices is None:
        return None
    # A budget without a price seldom binds: what is best without it mostly keeps to it.
    tight = prices > 0
    work, gap = _Work(most), 0.0
    try:
        found = _search(
            [Table(t.losses, t.costs[:, tight]) for t in small], limit[tight], prices[tight], work
        )
        if found is not None and (_spent(small, found) > limit).any():
            found = _search(small, limit, prices, work)
    except _SpentError:
        found = _beam(small, limit, prices)
        gap = max(_loss(small, found) - _bound(small, limit, prices), 0.0)
    if found is None:
        return None
    numbers = tuple(int(keep[number]) for keep, number in zip(useful, found))
    return Solution(numbers, _loss(tables, numbers), gap)


def cheapest(tables: Sequence[Table]) -> np.ndarray:
    """Return the least that any selection costs, in each budget for itself."""
    return np.sum([table.costs.min(axis=0) for table in tables], axis=0)


def _spent(tables: Sequence[Table], numbers: Sequence[int]) -> np.ndarray:
    return np.sum([table.costs[number] for table, number in zip(tables, numbers)], axis=0)


def _loss(tables: Sequence[Table], numbers: Sequence[int]) -> float:
    return sum(float(table.losses[number]) for table, number in zip(tables, numbers))


def _bound(tables: Sequence[Table], limit: np.ndarray, prices: np.ndarray) -> float:
    """What every selection within the limits loses at least (Lagrange)."""
    least = sum(float((table.losses + table.costs @ prices).min()) for table in tables)
    return least - float(limit @ prices)


def _beam(tables: Sequence[Table], limit: np.ndarray, prices: np.ndarray) -> List[int]:
    """Look for a good selection with little work.

    Raises:
        PlanError: None of those that were followed fits.
    """
    excesses = [table.losses + table.costs @ prices for table in tables]
    excesses = [values - values.min() for values in excesses]
    found = _walk(tables, limit, excesses, np.inf, _Work(np.inf), _BEAM)
    if found is None:
        raise PlanError(
            "no choice was found in the time that keeps to all budgets at once, though each alone "
            "can be met",
            remedy=Remedy("allow more, or look for longer with {}", "time_limit"),
        )
    return found


def _search(
    tables: Sequence[Table], limit: np.ndarray, prices: np.ndarray, work: _Work
) -> Optional[List[int]]:
    """Look for the best selection, ever further above the bound until it must be there.

    Args:
        tables: The choices.
        limit: Of each budget.
        prices: Of a unit of each budget; any that are not negative give a valid bound.
        work: Counts what is done.
    """
    excesses = [table.losses + table.costs @ prices for table in tables]
    bound = _bound(tables, limit, prices)
    excesses = [values - values.min() for values in excesses]
    whole = sum(float(table.losses.max()) for table in tables)
    most = sum(float(values.max()) for values in excesses) + whole
    room = _FIRST * whole
    while True:
        found = _walk(tables, limit, excesses, room + _SLACK * whole, work)
        if found is not None:
            loss = _loss(tables, found)
            if loss - bound <= room:
                return found
            most = min(most, loss - bound)
        if room >= most:
            return found
        room = min(4 * room, most) if room else most


def _undominated(table: Table) -> np.ndarray:
    """Return the numbers of choices that no other beats; of equals the first."""
    order = np.lexsort((np.arange(len(table.losses)), table.costs.sum(axis=1), table.losses))
    kept: List[int] = []
    for number in order:
        if not kept or not (table.costs[kept] <= table.costs[number]).all(axis=1).any():
            kept.append(int(number))
    return np.array(kept)


def _prices(tables: Sequence[Table], limit: np.ndarray) -> Optional[np.ndarray]:
    """Return what a unit of each budget is worth in loss (the duals of the linear relaxation)."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix

    sizes = [len(table.losses) for table in tables]
    owner = np.repeat(np.arange(len(tables)), sizes)
    one = csr_matrix((np.ones(len(owner)), (owner, np.arange(len(owner)))))
    losses = np.concatenate([table.losses for table in tables])
    costs = np.concatenate([table.costs for table in tables])
    scale = np.maximum(costs.max(axis=0), 1e-300)
    unit = losses.max() or 1.0  # the solver takes 1e20 for infinity
    found = linprog(
        losses / unit,
        A_ub=(costs / scale).T,
        b_ub=limit / scale,
        A_eq=one,
        b_eq=np.ones(len(tables)),
        method="highs",
    )
    if found.status != 0:
        return None
    return np.maximum(-np.asarray(found.ineqlin.marginals), 0.0) * unit / scale


def _walk(
    tables: Sequence[Table],
    limit: np.ndarray,
    excesses: Sequence[np.ndarray],
    room: float,
    work: _Work,
    width: Optional[int] = None,
) -> Optional[List[int]]:
    """Go through the layers, and trace the best selection back.

    Args:
        tables: The choices.
        limit: Of each budget.
        excesses: How far each choice lifts a selection above the bound.
        room: How far above the bound selections are followed.
        work: Counts what is done.
        width: How many selections are followed at most; all if None.
    """
    rest = np.array([table.costs.min(axis=0) for table in tables])
    rest = np.concatenate([np.cumsum(rest[::-1], axis=0)[::-1][1:], np.zeros((1, len(limit)))])
    states = _States(np.zeros((1, len(limit))), np.zeros(1), np.zeros(1))
    trail: List[Tuple[np.ndarray, np.ndarray]] = []
    for table, excess, after in zip(tables, excesses, rest):
        work.spend(len(states.losses) * len(table.losses))
        states, parents, numbers = _extend(states, table, excess)
        alive = (states.costs + after <= limit).all(axis=1) & (states.excess <= room)
        keep = np.flatnonzero(alive)
        if width is not None and len(keep) > width:
            keep = _promising(states, keep, (states.costs[keep] + after) / limit, width)
        keep = _best(states, keep, work)
        if not len(keep):
            return None
        states = _States(*(part[keep] for part in states))
        trail.append((parents[keep], numbers[keep]))
    place = int(np.lexsort((states.costs.sum(axis=1), states.losses))[0])
    found: List[int] = []
    for parents, numbers in reversed(trail):
        found.append(int(numbers[place]))
        place = int(parents[place])
    return found[::-1]


def _extend(
    states: _States, table: Table, excess: np.ndarray
) -> Tuple[_States, np.ndarray, np.ndarray]:
    """Every selection with every choice; also the number of the selection and of the choice."""
    count, choices = len(states.losses), len(table.losses)
    parents, numbers = np.divmod(np.arange(count * choices), choices)
    extended = _States(
        states.costs[parents] + table.costs[numbers],
        states.losses[parents] + table.losses[numbers],
        states.excess[parents] + excess[numbers],
    )
    return extended, parents, numbers


def _promising(states: _States, keep: np.ndarray, filled: np.ndarray, width: int) -> np.ndarray:
    """Some of the selections: those nearest to the bound, and those that leave most room."""
    near = np.argsort(states.excess[keep], kind="stable")[: width // 2]
    roomy = np.argsort(filled.max(axis=1), kind="stable")[: width - width // 2]
    return keep[np.union1d(near, roomy)]


def _best(states: _States, alive: np.ndarray, work: _Work) -> np.ndarray:
    """Return the numbers of those selections alive that are not beaten."""
    costs, losses = states.costs[alive], states.losses[alive]
    if costs.shape[1] != 1:
        return alive[_not_beaten(costs, losses, states.excess[alive], work)]
    order = np.lexsort((losses, costs[:, 0]))
    before = np.minimum.accumulate(np.append(np.inf, losses[order]))[:-1]
    return alive[order[losses[order] < before]]


def _not_beaten(
    costs: np.ndarray, losses: np.ndarray, excess: np.ndarray, work: _Work
) -> np.ndarray:
    """Return the numbers of selections that none of the most promising ones beats."""
    beaten = np.zeros(len(losses), bool)
    for rival in np.argsort(excess, kind="stable")[:_RIVALS]:
        if beaten[rival]:
            continue
        work.spend(len(losses))
        worse = (costs >= costs[rival]).all(axis=1) & (losses >= losses[rival])
        worse[rival] = False
        beaten |= worse
    return np.flatnonzero(~beaten)
