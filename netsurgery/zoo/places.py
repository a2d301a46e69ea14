"""Where results and inputs lie: in a folder, or behind a URL that fsspec knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

from netsurgery.cleanup import undisturbed
from netsurgery.formats import make_folder
from netsurgery.zoo.outcome import OUTCOME, Outcome


def is_url(place: str) -> bool:
    """Return whether a place is a URL, as ``s3://bucket/zoo``, and no path."""
    return "://" in place


def known_outcome(folder: str, name: str) -> Optional[Outcome]:
    """Return what came of a model in an earlier run; None where there is no result.

    Args:
        folder: The folder of all results.
        name: The model's name.

    Raises:
        FormatError: What is there is no record of an outcome.
    """
    place = Path(folder) / name / OUTCOME
    try:
        return Outcome.read(place.read_bytes(), place)
    except (FileNotFoundError, NotADirectoryError):
        return None


def fetched(place: str, into: Path) -> str:
    """Return the path under which a place can be read on this machine.

    Args:
        place: A path or a URL.
        into: A folder that may be made for it.
    """
    return place


def publish(result: Path, folder: str, name: str, old: Path) -> None:
    """Put a finished result in its place, in the stead of an earlier one.

    Args:
        result: The folder with it.
        folder: The folder of all results, on the same file system.
        name: The model's name.
        old: A free name there, which is cleared away later.

    Raises:
        OSError: It cannot be put there.
    """
    target = Path(folder) / name
    make_folder(target.parent)
    with undisturbed():
        if target.exists():
            os.rename(target, old)
        os.rename(result, target)
