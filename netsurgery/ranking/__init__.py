"""Which channels matter: rankings by criteria, and the oracle they are held against."""

from __future__ import annotations

from netsurgery.ranking.oracle import Oracle, measure_oracle
from netsurgery.ranking.rankings import Ranking, rank

__all__ = ["Oracle", "Ranking", "measure_oracle", "rank"]
