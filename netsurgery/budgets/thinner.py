"""Thinned nets from which the search starts: channels go first, then layers are factored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterator, Optional, Set

import numpy as np

from netsurgery.budgets.metric import Metric
from netsurgery.budgets.output import Output
from netsurgery.budgets.request import BudgetRequest
from netsurgery.budgets.scores import Score
from netsurgery.calibration import Calibrator
from netsurgery.costs import BYTES, LATENCY, MACS, PARAMS, Budget
from netsurgery.linalg import relative_distance
from netsurgery.network import READS, Model, Value, channel_groups
from netsurgery.planning import REFIT, LayerRule, Plan, ThinSpec, keeps, plan_thin
from netsurgery.surgery import operate

STEP = 0.1


@dataclass(frozen=True)
class Start:
    """A model to search from.

    Attributes:
        model: The model.
        plan: What made it of the one before; None if nothing did.
        loss: What that lost, by the score.
        changed: The values that are narrower now.
    """

    model: Model
    plan: Optional[Plan]
    loss: float
    changed: Set[Value]


def thin_shares(request: BudgetRequest) -> Iterator[float]:
    """Yield the shares of a net's cost to which it may be thinned: nine tenths, eight, and so on.

    The last is the budget itself. Every tenth above it is there, so that a larger budget has all
    that a smaller one has.
    """
    given = [value for value in request.budget.given.values() if value <= 1]
    last = min(given, default=STEP)
    for number in range(1, 10):
        share = round(1.0 - STEP * number, 6)
        if share > last:
            yield share
    if last < 1:
        yield last


def thin_to(
    model: Model,
    request: BudgetRequest,
    share: float,
    score: Score,
    calibrator: Optional[Calibrator],
) -> Start:
    """Return the model thinned to a share of what it costs, by one ranking of all channels.

    Raises:
        PlanError: That share cannot be had.
    """
    computes = {MACS, LATENCY} & set(request.budget.given)
    stores = {PARAMS, BYTES} & set(request.budget.given)
    budget = Budget(share if computes else None, share if stores else None)
    kept = {one.name for one in model.network().layers if keeps(request.keep, one.name, one.type)}
    # What a layer makes is left alone with it, and so is what it reads.
    rules = [
        LayerRule("keep", group.name, 1.0)
        for group in channel_groups(model)
        if not group.blocked and any(member.layer.name in kept for member in group.members)
    ]
    asked = ThinSpec(rules, budget=budget, multiple=request.multiple, seed=request.seed)
    plan = plan_thin(model, asked, calibrator)
    edits = [edit for edit in plan.edits if edit.method != REFIT or edit.layer not in kept]
    plan = replace(plan, edits=tuple(edits))
    surgery = operate(model, plan, calibrator)
    twin = surgery.twin()
    cut = {edit.layer for edit in plan.edits}
    groups = [group for group in channel_groups(model) if group.name in cut]
    if isinstance(score, Metric):
        loss = score.share_lost(model, plan)
    else:
        readers = {
            member.layer.name
            for group in groups
            for member in group.members
            if member.role == READS and not member.blob and model.blobs(member.layer.name)
        }
        lost = {name: _lost(model, twin, name, score) for name in sorted(readers)}
        losses = [score.losses(model, name, np.array(one)) for name, one in lost.items()]
        loss = float(sum(losses))
    changed = {value.value for group in groups for value in group.values}
    return Start(surgery.model, plan, loss, changed)


def _lost(model: Model, twin: Model, layer: str, score: Score) -> float:
    """The share of a layer's energy that is gone with what it does not read any more."""
    old, new = (one.blobs(layer)[0].array().astype(np.float64) for one in (model, twin))
    rows = np.abs(new).reshape(len(new), -1).sum(axis=1) > 0
    # Outputs that are gone too count where they are read.
    new = np.where(rows.reshape(-1, *[1] * (new.ndim - 1)), new, old)
    found = score.distance(model, layer, new) if isinstance(score, Output) else None
    return float(relative_distance(old, new) ** 2) if found is None else min(found, 1.0)
