"""Which channels matter: rankings by criteria, and the oracle they are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netsurgery.lazy import face

if TYPE_CHECKING:
    from netsurgery.ranking.correlation import (
        Correlation as Correlation,
    )
    from netsurgery.ranking.oracle import (
        Oracle as Oracle,
        measure_oracle as measure_oracle,
    )
    from netsurgery.ranking.rankings import (
        Ranking as Ranking,
        rank as rank,
    )

__getattr__, __dir__, __all__ = face(__name__)
