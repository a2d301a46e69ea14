"""The criteria there are: those of this room, and those that other packages add."""

from __future__ import annotations

from netsurgery.criteria.base import Criterion
from netsurgery.registry import Registry

CRITERIA: Registry[Criterion] = Registry("netsurgery.criteria", "netsurgery.criteria")


def criterion(name: str) -> Criterion:
    """Return the criterion called ``name``.

    Raises:
        PlanError: There is none; the text lists those there are.
    """
    return CRITERIA.find("criterion", name)
