"""Which time to plan for, so that what is planned takes what it may when it is timed as a whole."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

NEAR = 0.95
"""A plan that takes this share of what it may is good enough."""
_LESS = 0.98
"""What is aimed at at most after a failure, and its powers after more of them."""


class Aims:
    """Says where to aim next, after what was planned for an aim was timed.

    Layers alone tell what the whole takes but for a factor, which changes little from one aim to
    the next; between an aim that was too high and one that was too low lies the right one.

    Attributes:
        aim: Seconds to plan for.
    """

    def __init__(self, allowed: float, whole: float) -> None:
        """Aim at what is allowed.

        Args:
            allowed: The seconds that may be taken.
            whole: Those that the original takes.
        """
        self.aim = allowed
        self._allowed, self._whole = allowed / whole, whole
        self._too_low: Optional[Tuple[float, float]] = None
        self._too_high: Optional[Tuple[float, float]] = None
        self._failed = 0

    def learn(self, share: float) -> bool:
        """Take in what share of the original's time was taken, and choose the next aim.

        Returns:
            Whether that is near enough to what is allowed.
        """
        if NEAR * self._allowed <= share <= self._allowed:
            return True
        wanted = (1 + NEAR) / 2 * self._allowed
        nearer = self.aim * wanted / share
        if share > self._allowed:
            self._failed += 1
            self._too_high = self.aim, share
            nearer = min(nearer, self.aim * _LESS**self._failed)
        else:
            self._too_low = self.aim, share
        if self._too_low and self._too_high:
            aims, shares = zip(self._too_low, self._too_high)
            nearer = float(np.interp(wanted, shares, aims))
        self.aim = min(nearer, self._whole)
        return False
