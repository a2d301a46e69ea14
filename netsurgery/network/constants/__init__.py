"""What a network holds whatever its input: numbers that weights alone decide."""

from __future__ import annotations

from netsurgery.network.constants import (  # noqa: F401
    arithmetic,
    neurons,
    products,
    reshaping,
    spatial,
)
from netsurgery.network.constants.base import follow_constants

__all__ = ["follow_constants"]
