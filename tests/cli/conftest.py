"""What tests of commands share."""

from __future__ import annotations

from command_line import netsurgery, pair

__all__ = ["netsurgery", "pair"]
