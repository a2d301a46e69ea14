"""What earlier jobs left for later ones: what it is, how much, and clearing it away."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from netsurgery.calibration import FOLDER
from netsurgery.errors import FormatError, RequestError
from netsurgery.jobs.estimates import FILE
from netsurgery.jobs.names import PathLike
from netsurgery.measurements import FolderStore, StoredFile, default_folder
from netsurgery.validation import validated

_DAY = 24 * 3600.0
_DURATIONS = "how long tasks took on this machine"


@dataclass(frozen=True)
class Cache:
    """What is kept for later jobs. Truthy where there is something.

    Attributes:
        folder: Where it lies.
        entries: What the inputs told of models, the longest not used first, and how long tasks
            took; a file with a problem is left alone.
    """

    folder: Path
    entries: Tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """The size of all of it."""
        return sum(one.bytes for one in self.entries)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data; times are seconds since 1970."""
        return {"folder": str(self.folder), "bytes": self.size, "entries": _told(self.entries)}


@dataclass(frozen=True)
class ClearedCache:
    """What was cleared away.

    Attributes:
        removed: The files that are gone.
        left: What is still there.
    """

    removed: Tuple[StoredFile, ...]
    left: Cache

    @property
    def size(self) -> int:
        """The size of what is gone."""
        return sum(one.bytes for one in self.removed)

    def to_dict(self) -> Dict[str, Any]:
        """Return everything as plain data."""
        removed = {"bytes": self.size, "entries": _told(self.removed)}
        return {"removed": removed, "left": self.left.to_dict()}


@validated
def cache(folder: Optional[PathLike] = None) -> Cache:
    """List what earlier jobs left for later ones.

    Args:
        folder: The folder of the cache; by default that of `netsurgery.measurements`.

    Raises:
        RequestError: The folder is no path.
    """
    place = Path(default_folder() if folder is None else folder)
    found = list(FolderStore(place / FOLDER).entries())
    durations = place / FILE
    if durations.is_file():
        facts = durations.stat()
        found.append(StoredFile(durations, facts.st_size, facts.st_mtime, _DURATIONS))
    return Cache(place, tuple(found))


@validated
def clear_cache(
    older_than: float = 0.0, everything: bool = False, folder: Optional[PathLike] = None
) -> ClearedCache:
    """Clear away what the inputs told of models; what is spoilt or somebody else's is left alone.

    Args:
        older_than: Only what was not used for so many days.
        everything: Also how long tasks took, by which it is told how long others will take.
        folder: The folder of the cache; by default that of `netsurgery.measurements`.

    Raises:
        RequestError: There is no such number of days.
        FormatError: A file cannot be removed.
    """
    if not older_than >= 0:
        raise RequestError(f"{older_than:g} is no number of days")
    there, now = cache(folder), time.time()
    removed: List[StoredFile] = []
    for one in there.entries:
        wanted = one.problem is None and (everything or one.what != _DURATIONS)
        if not wanted or now - one.used < older_than * _DAY:
            continue
        try:
            one.path.unlink()
        except FileNotFoundError:
            continue  # somebody else was quicker
        except OSError as error:
            problem = f"cannot be removed: {error.strerror}"
            raise FormatError(problem, file=one.path) from None
        removed.append(one)
    return ClearedCache(tuple(removed), cache(there.folder))


def _told(entries: Tuple[StoredFile, ...]) -> List[Dict[str, Any]]:
    return [{**vars(one), "path": str(one.path)} for one in entries]
