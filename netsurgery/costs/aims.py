"""Which time to plan for, so that what is planned takes what it may when it is timed as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Optional, Tuple, TypeVar, Union

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.progress import Progress

NEAR = 0.95
"""A plan that takes this share of what it may is good enough."""
ATTEMPTS = 6
"""How often a net is timed whose layers took more or less together than each did alone."""
_LESS = 0.98
"""What is aimed at at most after a failure, and its powers after more of them."""

Made = TypeVar("Made")


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


def settle(
    made: Made,
    share: Callable[[Made], Optional[float]],
    again: Callable[[float], Made],
    aims: Aims,
    progress: Progress,
) -> List[Tuple[float, Made]]:
    """Time the whole of what was planned beside the original, and plan for more or for less.

    An engine may do with layers beside each other what it does not with each alone. Ends with a
    plan that takes nearly as long as it may, or after some attempts.

    Args:
        made: A plan for the seconds that may be taken.
        share: Returns what a plan's net takes of the original's time; None where it changes
            nothing.
        again: Plans for other seconds; raises PlanError if that cannot be had.
        aims: Where to aim.
        progress: Told each attempt.

    Returns:
        Each plan that was timed, after the share that it takes.
    """
    timed: List[Tuple[float, Made]] = []
    while True:
        with progress.task("timing"):
            took = share(made)
        if took is None:
            return timed
        timed.append((took, made))
        if aims.learn(took) or len(timed) == ATTEMPTS:
            return timed
        try:
            made = again(aims.aim)
        except PlanError:
            return timed


def quick_enough(
    timed: List[Tuple[float, Made]], allowed: float, file: Optional[Union[str, Path]]
) -> List[Tuple[float, Made]]:
    """Return those that take no more than a share of the original's time.

    Raises:
        PlanError: None does; the text says how near it came.
    """
    kept = [one for one in timed if one[0] <= allowed]
    if not kept:
        raise PlanError(
            "the budget cannot be met: timed as a whole, the net takes "
            f"{min(share for share, _ in timed):.3f} of the latency",
            file=file,
            remedy="allow as much, or see on a machine that does nothing else",
        )
    return kept
