"""How commands tell of what they leave for later ones."""

from __future__ import annotations

from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Iterator, Optional, Union

from netsurgery.cli._options import say

MUCH = 50e6
"""Bytes that are worth a line."""


@contextmanager
def growth_told(folder: Optional[Union[str, PathLike[str]]]) -> Iterator[None]:
    """Say on standard error that the cache has grown by much in the ``with``, and where it lies.

    Args:
        folder: The folder of the cache; None where nothing is kept.
    """
    if folder is None:
        yield
        return
    place = Path(folder)
    before = _bytes(place)
    yield
    after = _bytes(place)
    if after - before >= MUCH:
        from netsurgery.report import size

        told = f"cache: {size(after)} in {place}"
        say(f"{told}, `netsurgery cache` lists and clears it", err=True)


def _bytes(folder: Path) -> int:
    """The size of all files in a folder, and in those within it."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
