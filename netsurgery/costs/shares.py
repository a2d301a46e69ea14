"""Shares as people write them: ``0.9`` and ``90%`` are the same."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Optional

from netsurgery.errors import PlanError


def parse_number(text: str) -> Optional[float]:
    """Read ``0.05`` or ``5%``, of any size; None where the text is no finite number."""
    text = text.strip()
    percent = text.endswith("%")
    try:
        number = Decimal(text[:-1].strip() if percent else text)
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    # As decimals, since 48.9 / 100 is not the float that 0.489 is.
    return float(number.scaleb(-2) if percent else number)


def parse_share(text: str, what: str = "a share") -> float:
    """Read a share of one: ``0.9`` or ``90%``.

    Args:
        text: What the user wrote.
        what: What it is a share of, for the message.

    Raises:
        PlanError: It is no number from 0 to 1; the text says how it is written.
    """
    number = parse_number(text)
    if number is None:
        raise PlanError(f"{text!r} is not {what}", remedy="write 0.9 or 90%")
    if not 0 <= number <= 1:
        problem = f"{text} is not {what}, which lies between 0 and 1"
        raise PlanError(problem, remedy=how_to_say(0 if "%" in text else number))
    return number


def how_to_say(number: float) -> str:
    """Return how the share is written that somebody meant who wrote ``90``."""
    if 1 < number <= 100:
        return f"say {number / 100:.6g} or {number:.6g}%"
    return "a share lies between 0 and 1: 0.9, or 90%"
