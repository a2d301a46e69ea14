"""What a solver is asked, and what it answers: one choice for every part of a net."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Mapping, Optional, Tuple


@dataclass(frozen=True)
class Solution:
    """A choice for every part of a net.

    Attributes:
        numbers: The number of the choice for each part; 0 leaves it as it is.
        loss: What all of them lose together.
        gap: By how much less the best there is could lose at most: 0 where this is the best, None
            where nothing tells.
    """

    numbers: Tuple[int, ...]
    loss: float
    gap: Optional[float] = None


class Problem(ABC):
    """Parts of a net, the choices for each, what these lose and what they cost.

    `netsurgery.costs.Independent`: costs add up. `netsurgery.costs.Stepwise`: what a choice costs
    depends on those of other parts.
    """

    @abstractmethod
    def solve(self, limits: Mapping[str, float]) -> Optional[Solution]:
        """Choose for every part, so that no limit is exceeded and as little as can be is lost.

        Args:
            limits: What may be spent in each currency that has a budget.

        Returns:
            None if no choice keeps to all limits.
        """
