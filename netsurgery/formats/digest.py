"""The digest by which a file is known again."""

from __future__ import annotations

import hashlib
import os
from typing import Union


def sha256_of(path: Union[str, os.PathLike[str]]) -> str:
    """Return the sha256 of a file as hexadecimal digits, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
