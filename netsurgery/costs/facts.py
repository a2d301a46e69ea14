"""Numbers as a plan holds them."""

from __future__ import annotations

from typing import Any, Dict, Mapping


def facts_of(found: Mapping[str, Any]) -> Dict[str, Any]:
    """Return numbers as a plan holds them: six digits, counts whole."""
    return {
        name: float(f"{value:.6g}") if isinstance(value, float) else value
        for name, value in found.items()
    }


def counted(value: float) -> Any:
    """Return a cost as a plan holds it: counts whole, seconds to six digits."""
    return round(value) if value >= 1 else float(f"{value:.6g}")
