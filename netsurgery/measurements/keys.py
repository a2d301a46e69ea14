"""The key under which a measured value is kept: a digest of all that it depends on."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from netsurgery.version import __version__


def digest_of(*parts: object) -> str:
    """Return a sha256 of parts.

    Args:
        parts: Texts, numbers, arrays, what has a ``digest`` (models, weights, inputs, blobs), and
            tuples and lists of them.
    """
    found = hashlib.sha256()
    _feed(found, parts)
    return found.hexdigest()


@functools.cache
def code_version() -> str:
    """Return the version with a digest of the code, for values that another one may find other."""
    code = sorted(Path(__file__).parents[1].rglob("*.py"))
    return digest_of(__version__, *(file.read_bytes() for file in code))


def _feed(found: Any, part: object) -> None:
    if isinstance(part, (tuple, list)):
        found.update(f"({len(part)} ".encode())
        for item in part:
            _feed(found, item)
    elif isinstance(part, np.ndarray):
        found.update(f"{part.dtype.str} {part.shape} ".encode() + part.tobytes())
    else:
        own = getattr(part, "digest", None)
        text = part if isinstance(part, bytes) else own if isinstance(own, str) else repr(part)
        data = text if isinstance(text, bytes) else text.encode()
        found.update(f"{type(part).__name__} {len(data)} ".encode() + data)
