"""How near two nets come to targets of the user's own, on inputs that neither was trained on."""

from __future__ import annotations

from math import sqrt
from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import Inputs, ObservedValue, Seen, SessionPool, measure
from netsurgery.engine import EngineLike
from netsurgery.network import Model
from netsurgery.training import (
    GIVEN,
    GivenValueObjective,
    Measured,
    Objective,
    given_role,
    measured,
)


class TruthFigure(NamedTuple):
    """What two nets make of targets.

    Attributes:
        name: What is told, and of which blob.
        before: Of the first net.
        after: Of the second.
        is_share: Whether it is a share; else it is in the units of the targets.
    """

    name: str
    before: float
    after: float
    is_share: bool


def truth_figures(
    nets: Tuple[Model, Model],
    objectives: Sequence[Objective],
    inputs: Inputs,
    engine: EngineLike,
    sessions: SessionPool,
) -> Tuple[TruthFigure, ...]:
    """Return how near two nets of one text come to targets beside the inputs.

    Args:
        nets: The net before, and the one after.
        objectives: What their values should come to; those count that are held against targets
            which these inputs have.
        inputs: The inputs.
        engine: What runs the nets.
        sessions: Where they stay open.

    Raises:
        EngineError: There is no engine, or it refuses a net.
    """
    names = {given_role(name) for name in inputs.targets}
    told = [
        one
        for one in objectives
        if any(role.startswith(GIVEN) for role in one.roles) and names.issuperset(one.roles)
    ]
    observers = [_AgainstTargets(one, inputs) for one in told]
    if observers:
        measure(nets, inputs, observers, engine, sessions=sessions)
    figures = (one.figure() for one in observers)
    return tuple(one for one in figures if one is not None)


class _AgainstTargets:
    """Adds up what an objective comes to, for both nets."""

    def __init__(self, objective: Objective, inputs: Inputs) -> None:
        self._objective, self._inputs, self._done = objective, inputs, 0
        self._found: Tuple[List[Measured], List[Measured]] = ([], [])

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """The value in both nets."""
        return [ObservedValue(self._objective.value, model) for model in (0, 1)]

    def add(self, seen: Seen) -> None:
        """Take in a batch."""
        values = [seen[source] for source in self.sources]
        stop = self._done + len(values[0])
        rows: Dict[str, np.ndarray] = {
            given_role(name): np.asarray(samples[self._done : stop])
            for name, samples in self._inputs.targets.items()
        }
        for made, found in zip(values, self._found):
            found.append(measured(self._objective, made, rows))
        self._done = stop

    def figure(self) -> Optional[TruthFigure]:
        """Return it; None where there is nothing to tell."""
        objective = self._objective
        before, after = (_total(found) for found in self._found)
        if isinstance(objective, GivenValueObjective):
            factor = 2 * objective.scale**2 / (objective.weight * max(1, before.count))
            first, second = (sqrt(one.total * factor) for one in (before, after))
            return TruthFigure(f"rms error of {objective.value.blob}", first, second, False)
        if not before.rows:
            return None
        first, second = ((one.right or 0) / one.rows for one in (before, after))
        return TruthFigure(f"right of {objective.value.blob}", first, second, True)


def _total(found: Sequence[Measured]) -> Measured:
    return Measured(
        sum(one.total for one in found),
        sum(one.count for one in found),
        sum(one.right or 0 for one in found),
        sum(one.rows for one in found),
    )
