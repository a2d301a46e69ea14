"""Ways to make a layer smaller, one file each."""

from __future__ import annotations

from netsurgery.errors import PlanError
from netsurgery.methods.base import Edit, Method, Rewrite
from netsurgery.registry import Registry

METHODS: Registry[Method] = Registry("netsurgery.methods", "netsurgery.methods")


def method(name: str) -> Method:
    """Return the method called ``name``.

    Raises:
        PlanError: There is none; the text lists those there are.
    """
    known = METHODS.all()
    if name not in known:
        why = f" (its plugin failed: {METHODS.failed[name]})" if name in METHODS.failed else ""
        raise PlanError(
            f"there is no method {name!r}{why}", remedy=f"choose among {', '.join(sorted(known))}"
        )
    return known[name]


__all__ = ["METHODS", "Edit", "Method", "Rewrite", "method"]
