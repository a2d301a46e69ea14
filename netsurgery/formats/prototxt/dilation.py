"""Dilation of convolutions under the names that forks have for it: `hole` is the older one."""

from __future__ import annotations

from typing import Any, List, Optional

FORK_FIELDS = ("hole", "hole_h", "hole_w", "dilation_h", "dilation_w")


def fork_dilation(parameter: Any) -> Optional[List[int]]:
    """Return what forks' fields say, as stock Caffe's repeated ``dilation`` would say it.

    Args:
        parameter: A ``ConvolutionParameter``.

    Returns:
        One number for all axes, or one for each of two; None where there is no such field.
    """
    for name in ("hole", "dilation"):
        both = (f"{name}_h", f"{name}_w")
        if any(parameter.HasField(one) for one in both):
            return [int(getattr(parameter, one)) for one in both]
    return [int(parameter.hole)] if parameter.HasField("hole") else None


def fork_words(parameter: Any) -> Optional[tuple[str, str]]:
    """Return the fields in which a fork says how far to dilate down and across, or None."""
    if not any(parameter.HasField(name) for name in FORK_FIELDS):
        return None
    holes = any(parameter.HasField(name) for name in FORK_FIELDS if name.startswith("hole"))
    return ("hole_h", "hole_w") if holes else ("dilation_h", "dilation_w")


def in_stock_fields(parameter: Any) -> dict[str, Optional[List[int]]]:
    """Return the fields to set, and to remove (None), so that stock Caffe dilates as much."""
    dilation = fork_dilation(parameter)
    if dilation is None:
        return {}
    found: dict[str, Optional[List[int]]] = {
        name: None for name in FORK_FIELDS if parameter.HasField(name)
    }
    if any(step != 1 for step in dilation):
        found["dilation"] = dilation
    return found
