"""A plan told layer by layer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Dict, Tuple, Union

from netsurgery.jobs.names import PathLike
from netsurgery.methods import Edit
from netsurgery.planning import Plan, Skipped
from netsurgery.validation import validated

PlanLike = Union[Plan, PathLike]
"""A plan, or the file it is in."""


def open_plan(plan: PlanLike) -> Plan:
    """Return a plan, read if need be.

    Raises:
        PlanError: The file cannot be read or holds no plan.
    """
    return Plan.load(os.fspath(plan)) if isinstance(plan, (str, os.PathLike)) else plan


@dataclass(frozen=True)
class Explanation:
    """What a plan does with every layer, what came second, and what both cost.

    Attributes:
        plan: The plan.
    """

    plan: Plan

    @property
    def chosen(self) -> Tuple[Edit, ...]:
        """What is done; ``predicted`` of each says what it costs, and what came second."""
        return self.plan.edits

    @property
    def left(self) -> Tuple[Skipped, ...]:
        """The layers that are left alone, each with the reason."""
        return self.plan.skipped

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        return self.plan.to_dict()


@validated
def explain(plan: PlanLike) -> Explanation:
    """Say for every layer of a plan what was chosen, what came second, and what it costs.

    Args:
        plan: The plan, or its file.

    Raises:
        PlanError: The file cannot be read or holds no plan.
    """
    return Explanation(open_plan(plan))
