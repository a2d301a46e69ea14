"""The fewest changes of a net that fail a check, and the smallest rank that passes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.bisection.delta_debugging import (
        CheckOutcome as CheckOutcome,
        Minimized as Minimized,
        minimize_failing as minimize_failing,
    )
    from netsurgery.bisection.grafting import (
        Grafting as Grafting,
    )
    from netsurgery.bisection.ranks import (
        smallest_passing as smallest_passing,
    )

__getattr__, __dir__, __all__ = face(__name__)
