"""How much each single weight matters, and what becomes of those that stay: one way a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.saliency.base import (
        PrunableNet as PrunableNet,
        Saliency as Saliency,
    )
    from netsurgery.saliency.registry import (
        SALIENCIES as SALIENCIES,
        saliency as saliency,
    )

__getattr__, __dir__, __all__ = face(__name__)
