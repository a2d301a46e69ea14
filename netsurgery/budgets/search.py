"""The search: which channels go first, and which form every layer then takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.budgets.choices import Choice, LayerChoices, find_choices, forms_work
from netsurgery.budgets.request import BudgetRequest
from netsurgery.budgets.scores import Score
from netsurgery.costs import BYTES, LATENCY, Cost, Independent, NetCost, Table
from netsurgery.errors import PlanError, Remedy
from netsurgery.methods import LowRankMethod
from netsurgery.network import Layer, Model
from netsurgery.planning import keeps
from netsurgery.progress import Progress

KEPT = "kept on request"
_OF_ITSELF = 5e9
"""Multiplications that would take as long as the forms of the smallest layer do."""


@dataclass(frozen=True)
class Allocation:
    """A choice for every layer of a model.

    Attributes:
        model: The model, thinned or not.
        tables: The choices of each layer that has some.
        numbers: Which of them was taken, for each.
        skipped: For layers without choices, the reason.
        total: What the whole net then costs, in every currency.
        loss: What all choices lose, by the score.
        gap: By how much less another selection could lose at most.
    """

    model: Model
    tables: Tuple[LayerChoices, ...]
    numbers: Tuple[int, ...]
    skipped: Mapping[str, str]
    total: Cost
    loss: float
    gap: float = 0.0

    def taken(self) -> List[Tuple[LayerChoices, Choice]]:
        """Return every layer with its choice."""
        return [(t, t.choices[number]) for t, number in zip(self.tables, self.numbers)]


def tables_of(
    model: Model, request: BudgetRequest, score: Score, cost: NetCost, progress: Progress
) -> Tuple[List[LayerChoices], Dict[str, str]]:
    """Return the choices of every layer that has some, and the reasons of the others."""
    methods = request.low_rank()
    tables: List[LayerChoices] = []
    skipped: Dict[str, str] = {}
    layers = model.network().layers
    work = [_work_of(model, layer, methods) for layer in layers]
    for layer in progress.each(layers, "choices", "layers", attrgetter("name"), work):
        if layer.name in skipped or any(layer.name in table.coupled for table in tables):
            continue
        takers = [one for one in methods if one.takes(layer.layer_type)]
        computes = bool(cost.macs.get(layer.name))
        if keeps(request.keep, layer.name, layer.type) and (takers or computes):
            skipped[layer.name] = KEPT
            continue
        if not takers:
            if computes and methods:
                skipped[layer.name] = f"no method chosen takes layers of type {layer.type}"
            continue
        currencies = list(request.budget.given)
        found = find_choices(model, layer.name, takers, score, cost, currencies, request.multiple)
        if found is None:
            continue
        if len(found.choices) > 1:
            tables.append(found)
        else:
            skipped.update(dict.fromkeys(found.coupled, _why(found.refused)))
    return _beside_each_other(tables, cost), skipped


def _work_of(model: Model, layer: Layer, methods: Sequence[LowRankMethod]) -> float:
    """About how much work the choices of a layer are, in multiplications.

    The spectrum of its weights takes most where it is wide, and else what each form takes.
    """
    work = forms_work(model, layer.name)
    if not work or not any(one.takes(layer.layer_type) for one in methods):
        return 1.0
    return _OF_ITSELF + work


def _beside_each_other(tables: List[LayerChoices], cost: NetCost) -> List[LayerChoices]:
    """The choices, with times that no net exceeds whose layers took longer alone than together."""
    alone = sum(table.choices[0].cost.get(LATENCY, 0.0) for table in tables)
    if alone <= cost.total.get(LATENCY, 0.0):
        return tables
    factor = cost.total[LATENCY] / alone
    return [replace(one, choices=tuple(c.timed(factor) for c in one.choices)) for one in tables]


def select(
    model: Model,
    tables: Sequence[LayerChoices],
    skipped: Mapping[str, str],
    cost: NetCost,
    limits: Mapping[str, float],
    original: Mapping[str, float],
    seconds: float,
) -> Allocation:
    """Take a choice for every layer, so that all budgets are kept and least is lost.

    Args:
        model: The model.
        tables: Choices of its layers.
        skipped: Why the others have none.
        cost: What the model costs.
        limits: What may be spent in each currency that has a budget.
        original: What the net cost before anything was done to it.
        seconds: How long to look for the best, about.

    Raises:
        PlanError: No selection keeps to the budgets; the text says what can be had.
    """
    names = list(limits)
    costs = [np.array([[c.cost[name] for name in names] for c in t.choices]) for t in tables]
    problem = Independent(
        names,
        [
            Table(np.array([c.loss for c in table.choices]), found)
            for table, found in zip(tables, costs)
        ],
        seconds,
    )
    whole = np.array([cost.total[name] for name in names])
    fixed = whole - sum((found[0] for found in costs), np.zeros(len(names)))
    room = np.array([limits[name] for name in names]) - fixed
    solution = problem.solve(dict(zip(names, room.tolist())))
    if solution is None:
        least = fixed + np.array(list(problem.least().values()))
        raise _impossible(model, dict(zip(names, least)), original)
    chosen = [table.choices[number] for table, number in zip(tables, solution.numbers)]
    total = {
        name: cost.total[name]
        + sum(c.cost[name] - t.choices[0].cost[name] for t, c in zip(tables, chosen))
        for name in cost.total
    }
    return Allocation(
        model,
        tuple(tables),
        solution.numbers,
        skipped,
        total,
        float(sum(c.loss for c in chosen)),
        solution.gap or 0.0,
    )


def second(selection: Allocation, place: int, limits: Mapping[str, float]) -> Optional[Choice]:
    """Return what a layer would best be instead, all others as they are and within the budgets.

    A form of another method if one fits, or else another rank.
    """
    table, number = selection.tables[place], selection.numbers[place]
    taken = table.choices[number]
    room = {name: limits[name] - selection.total[name] + taken.cost[name] for name in limits}
    fitting = [
        choice
        for choice in table.choices
        if choice is not taken and all(choice.cost[name] <= room[name] for name in limits)
    ]
    others = [choice for choice in fitting if choice.method is not taken.method]
    return min(others or fitting, key=lambda choice: choice.loss, default=None)


def _impossible(model: Model, least: Mapping[str, float], total: Mapping[str, float]) -> PlanError:
    shares = [
        f"{least[name] / total[name]:.3f} of the {name}"
        + (f" ({least[name]:,.0f})" if name == BYTES else "")
        for name in least
    ]
    alone = ", each alone" if len(shares) > 1 else ""
    return PlanError(
        f"the budget cannot be met: the least that can be had is {', '.join(shares)}{alone}",
        file=model.prototxt.file,
        remedy=Remedy("allow as much, or give more {}", "methods"),
    )


def _why(refused: Mapping[str, str]) -> str:
    reasons: Dict[str, List[str]] = {}
    for name, reason in refused.items():
        reasons.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
