"""The digest by which a file is known again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from hashlib import _Hash

    from typing_extensions import Buffer


def sha256(data: Buffer = b"") -> _Hash:
    """Return a sha256 that has seen some bytes.

    The library that hashes takes longer to load than many a small net to read.
    """
    import hashlib

    return hashlib.sha256(data)


def sha256_of(path: Union[str, os.PathLike[str]]) -> str:
    """Return the sha256 of a file as hexadecimal digits, read in blocks."""
    digest = sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
