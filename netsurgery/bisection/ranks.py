"""The smallest number that passes a check which all larger ones pass."""

from __future__ import annotations

from typing import Callable, Dict, Optional

from netsurgery.bisection.delta_debugging import CheckOutcome


def smallest_passing(
    largest: int, check: Callable[[int], CheckOutcome], smallest: int = 1
) -> tuple[Optional[int], Dict[int, CheckOutcome]]:
    """Look for the smallest number that passes, by halves.

    That a larger number passes where a smaller one does is taken for granted; what is returned
    passed, and the number below it was tried and did not.

    Args:
        largest: The largest number to try.
        check: Says what comes of a number.
        smallest: The smallest.

    Returns:
        The number, or None where not even the largest passes; and what came of each that was tried.
    """
    tried: Dict[int, CheckOutcome] = {}

    def passes(number: int) -> bool:
        tried[number] = check(number)
        return tried[number] is CheckOutcome.PASSES

    if not passes(largest):
        return None, tried
    low, high = smallest - 1, largest
    while high - low > 1:
        middle = (low + high) // 2
        if passes(middle):
            high = middle
        else:
            low = middle
    return high, tried
