"""How much of a net's weights is closed when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Tuple

from netsurgery.errors import PlanError

RAMP = 0.6
"""The share of the steps during which more and more weights close; the rest recovers."""
EVERY = 50
"""Steps from one choice of the weights that close to the next."""


def round_sparsities(sparsity: float, rounds: int, start: float = 0.0) -> Tuple[float, ...]:
    """Return what is closed after each of several rounds, of which each keeps the same share.

    Args:
        sparsity: Share of the weights that is closed in the end.
        rounds: How many rounds.
        start: Share that is closed before.

    Raises:
        PlanError: More is closed already.
    """
    _require_more(sparsity, start)
    if sparsity == 1:  # of which no number of rounds keeps equal shares
        return tuple(start + (1 - start) * number / rounds for number in range(1, rounds + 1))
    ratio = (1 - sparsity) / (1 - start) if start < 1 else 1.0
    early = (1 - (1 - start) * ratio ** (number / rounds) for number in range(1, rounds))
    return (*early, sparsity)


@dataclass(frozen=True)
class CubicRamp:
    """Sparsity that rises fast at first, when much is superfluous (Zhu and Gupta 2017).

    ``s(t) = s_end + (s_start - s_end) (1 - t / ramp)^3``

    Attributes:
        sparsity: Share of the weights that is closed in the end.
        steps: Iterations of the whole training.
        start: Share that is closed before.
        ramp: The share of the steps in which it rises.
        every: Iterations from one rise to the next.
    """

    sparsity: float
    steps: int
    start: float = 0.0
    ramp: float = RAMP
    every: int = EVERY

    def __post_init__(self) -> None:
        _require_more(self.sparsity, self.start)

    @property
    def last(self) -> int:
        """The iteration of the last rise; there are at least two where there are two steps."""
        return self._apart * max(1, math.floor(self.ramp * self.steps / self._apart))

    @property
    def _apart(self) -> int:
        """Iterations from one rise to the next, in short trainings fewer."""
        return max(1, min(self.every, int(self.ramp * self.steps)))

    def next_at(self, iteration: int) -> int:
        """Return the first iteration from this one on at which it rises; else one beyond all."""
        found = max(1, -(-iteration // self._apart)) * self._apart  # nothing rises at 0
        return found if found <= self.last else max(iteration, self.steps) + 1

    def at(self, iteration: int) -> float:
        """Return the share that is closed from an iteration on."""
        left = 1 - min(1.0, iteration / self.last)
        return self.sparsity + (self.start - self.sparsity) * left**3


def _require_more(sparsity: float, start: float) -> None:
    if not 0 <= start <= sparsity <= 1:
        raise PlanError(
            f"{100 * start:.4g}% of the weights are zero already, which is more than "
            f"{100 * sparsity:.4g}%",
            remedy="ask for a larger sparsity",
        )
