"""Pages are looked at as the commands write them."""

from __future__ import annotations

from command_line import netsurgery, pair

__all__ = ["netsurgery", "pair"]
