"""Results as JSON."""

from __future__ import annotations

import json
from pathlib import Path


def to_json(data: object) -> str:
    """Return data as JSON, without a line end; what JSON has no numbers for becomes null."""
    return json.dumps(_plain(data), indent=2)


def _plain(value: object) -> object:
    """Return data that JSON can hold: NaN and the infinities become None, paths text."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and value - value != 0:  # NaN and the infinities
        return None
    return value
