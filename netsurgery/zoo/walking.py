"""The files below a folder, one at a time, in an order that is always the same."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Iterator, List, Set, Tuple, Union

from netsurgery.zoo.entry import SkippedFile

INDEX = "zoo.json"
"""The file by which the folder of a run is known, whose models are results and no sources."""
DEEPEST = 64
"""Folders within folders; what is deeper is no zoo that people made."""

_Identity = Tuple[int, int]


def walk(folder: Path) -> Iterator[Union[Path, SkippedFile]]:
    """Find all files below a folder; what cannot be read is told, and the rest goes on.

    Nothing is held but the folders on the way. Links are followed, but no
    folder is looked at twice. Hidden files and folders are passed over, and so is the result of a
    run.

    Args:
        folder: Where to begin.

    Yields:
        The paths of regular files, and what was left out; files of a folder before its folders,
        both by name.
    """
    seen: Set[_Identity] = set()
    waiting: List[Tuple[Path, int]] = [(folder, 0)]
    while waiting:
        here, depth = waiting.pop()
        try:
            identity = _identity(os.stat(here))
            names = sorted(name for name in os.listdir(here) if not name.startswith("."))
        except OSError as error:
            yield SkippedFile(here, f"cannot be read: {error.strerror or error}")
            continue
        if identity in seen:
            continue
        seen.add(identity)
        if INDEX in names and depth:
            yield SkippedFile(here, "holds the result of a run, and no models to begin with")
            continue
        if depth > DEEPEST:
            yield SkippedFile(here, f"lies deeper than {DEEPEST} folders")
            continue
        folders = []
        for name in names:
            found = _look_at(here / name)
            if isinstance(found, (Path, SkippedFile)):
                yield found
            elif found:
                folders.append(here / name)
        waiting += [(one, depth + 1) for one in reversed(folders)]


def _look_at(path: Path) -> Union[Path, SkippedFile, bool]:
    """Return a file to be looked into, why it is left out, or whether it is a folder."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return SkippedFile(path, f"cannot be read: {error.strerror or error}")
    if stat.S_ISDIR(mode):
        return True
    return path if stat.S_ISREG(mode) else False  # whoever opens a pipe waits


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino
