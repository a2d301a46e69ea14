"""The saliencies there are: those of this room, and those that other packages add."""

from __future__ import annotations

from netsurgery.registry import Registry
from netsurgery.saliency.base import Saliency

SALIENCIES: Registry[Saliency] = Registry("netsurgery.saliency", "netsurgery.saliencies")


def saliency(name: str) -> Saliency:
    """Return the saliency called ``name``.

    Raises:
        PlanError: There is none; the text lists those there are.
    """
    return SALIENCIES.find("saliency", name)
