"""What fields of a parameter say."""

from __future__ import annotations

from typing import Any


def says(message: Any, **wanted: Any) -> bool:
    """Return whether one of some fields is written, with the value given here.

    Args:
        message: A message, such as a ``SoftmaxParameter``.
        wanted: Fields and values.
    """
    return any(
        message.HasField(name) and getattr(message, name) == value for name, value in wanted.items()
    )
