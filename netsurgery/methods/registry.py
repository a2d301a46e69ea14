"""The methods there are: those of this room, and those that other packages add."""

from __future__ import annotations

from typing import Sequence

from netsurgery.errors import PlanError
from netsurgery.methods.base import LowRankMethod, Method
from netsurgery.registry import Registry

METHODS: Registry[Method] = Registry("netsurgery.methods", "netsurgery.methods")


def method(name: str) -> Method:
    """Return the method called ``name``.

    Raises:
        PlanError: There is none; the text lists those there are.
    """
    return METHODS.find("method", name)


def low_rank_method(name: str) -> LowRankMethod:
    """Return the method called ``name``, which must be one that factors matrices.

    Raises:
        PlanError: There is none, or it does something else.
    """
    found = method(name)
    if not isinstance(found, LowRankMethod):
        problem = f"method {name!r} does not factor weights"
        raise PlanError(problem, remedy=f"choose among {', '.join(low_rank_names())}")
    return found


def low_rank_names() -> Sequence[str]:
    """Return the names of the methods that factor matrices."""
    return sorted(name for name, one in METHODS.all().items() if isinstance(one, LowRankMethod))
