"""Numbers as a plan holds them."""

from __future__ import annotations

from typing import Dict, Mapping


def six_digits(value: float) -> float:
    """Return a number as a plan holds it."""
    return float(f"{value:.6g}")


def counted(value: float) -> float:
    """Return a cost as a plan holds it: counts whole, seconds to six digits."""
    return round(value) if value >= 1 else six_digits(value)


def all_six_digits(found: Mapping[str, float]) -> Dict[str, float]:
    """Return numbers by name, those that are no counts to six digits."""
    return {
        name: six_digits(value) if isinstance(value, float) else value
        for name, value in found.items()
    }
