"""Which channels to keep: one criterion a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.criteria.base import (
        ACTIVATIONS as ACTIVATIONS,
        GRADIENTS as GRADIENTS,
        WEIGHTS as WEIGHTS,
        Criterion as Criterion,
        RemovalOrder as RemovalOrder,
        View as View,
        within_parts as within_parts,
    )
    from netsurgery.criteria.normalise import (
        l2_normalised as l2_normalised,
        macs_of_channels as macs_of_channels,
        with_flops as with_flops,
    )
    from netsurgery.criteria.registry import (
        CRITERIA as CRITERIA,
        criterion as criterion,
    )

__getattr__, __dir__, __all__ = face(__name__)
