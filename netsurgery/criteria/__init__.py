"""Which channels to keep: one criterion a file."""

from __future__ import annotations

from netsurgery.criteria.base import Criterion, View
from netsurgery.errors import PlanError
from netsurgery.registry import Registry

CRITERIA: Registry[Criterion] = Registry("netsurgery.criteria", "netsurgery.criteria")


def criterion(name: str) -> Criterion:
    """Return the criterion called ``name``.

    Raises:
        PlanError: There is none; the text lists those there are.
    """
    known = CRITERIA.all()
    if name not in known:
        why = f" (its plugin failed: {CRITERIA.failed[name]})" if name in CRITERIA.failed else ""
        raise PlanError(
            f"there is no criterion {name!r}{why}",
            remedy=f"choose among {', '.join(sorted(known))}",
        )
    return known[name]


__all__ = ["CRITERIA", "Criterion", "View", "criterion"]
