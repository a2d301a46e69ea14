"""A store in a folder, a file an entry: for arrays, within a limit of bytes."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Union

import numpy as np

from netsurgery.formats import make_folder, write_together
from netsurgery.measurements.base import Arrays, MeasurementStore, sealed

VARIABLE = "NETSURGERY_CACHE"
MOST_BYTES = 2 << 30
"""What all files may have together; the ones longest not used make way."""

_SEAL, _TOLD = "sha256", "what"
"""The arrays that say what the others of a file must be and what they are for; and what they are,
for whoever looks into the folder."""
_NAME = re.compile(r"[0-9a-f]{64}\.npz")


def default_folder() -> Path:
    """Return where measurements are kept if nobody says otherwise.

    It is $NETSURGERY_CACHE, or else ``netsurgery`` in $XDG_CACHE_HOME, by default ``~/.cache``;
    on Windows in %LOCALAPPDATA%.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    variable, usual = "XDG_CACHE_HOME", "~/.cache"
    if platform.system() == "Windows":
        variable, usual = "LOCALAPPDATA", "~/AppData/Local"
    return Path(os.environ.get(variable) or os.path.expanduser(usual)) / "netsurgery"


@dataclass(frozen=True)
class StoredFile:
    """A file that lies in a store.

    Attributes:
        path: The file.
        bytes: Its size.
        used: When it was last used, in seconds since 1970.
        what: What it holds.
        problem: Why that is not known: it is of somebody else, or spoilt. None where it is.
    """

    path: Path
    bytes: int
    used: float
    what: str = ""
    problem: Optional[str] = None


class FolderStore(MeasurementStore):
    """A store in a folder with a file for each entry, named after its key.

    Attributes:
        folder: The folder; it comes to be with the first entry.
        most_bytes: What its files may have together.
    """

    def __init__(self, folder: Union[str, Path], most_bytes: int = MOST_BYTES) -> None:
        self.folder = Path(folder)
        self.most_bytes = most_bytes

    def find(self, key: str) -> Optional[Arrays]:
        """Return what is kept under a key, or None."""
        place = self._place(key)
        try:
            # Opened here: NumPy leaves a file open that is no archive to it.
            with place.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            if str(arrays.pop(_SEAL)) != sealed(key, arrays, str(arrays.pop(_TOLD))):
                return None
        except (OSError, ValueError, EOFError, KeyError, MemoryError, SyntaxError, AttributeError):
            return None
        except (TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(place)
        return arrays

    def entries(self) -> List[StoredFile]:
        """Return what lies in the folder, the longest not used first; none where there is none.

        What arrays hold is not read.
        """
        try:
            paths = [Path(entry.path) for entry in os.scandir(self.folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = [one for path in paths for one in _stored(path)]
        return sorted(found, key=lambda one: one.used)

    def _write(self, key: str, arrays: Arrays, told: str) -> None:
        make_folder(self.folder)
        # One that would drive out most others, such as the moments of a huge fc6, is not worth it.
        if sum(array.nbytes for array in arrays.values()) > self.most_bytes // 4:
            return
        seal = np.array(sealed(key, arrays, told))
        whole: Dict[str, Any] = {**arrays, _SEAL: seal, _TOLD: np.array(told)}
        write_together({self._place(key): lambda stream: np.savez(stream, **whole)})
        self._make_room()

    def _place(self, key: str) -> Path:
        return self.folder / f"{key}.npz"

    def _make_room(self) -> None:
        """Delete the files longest not used, also those of a run that was interrupted."""
        with contextlib.suppress(OSError):
            stats = [(entry.stat(), entry.path) for entry in os.scandir(self.folder)]
            total = sum(stat.st_size for stat, _ in stats)
            for stat, path in sorted(stats, key=lambda item: item[0].st_mtime):
                if total <= self.most_bytes:
                    break
                os.unlink(path)
                total -= stat.st_size


def _stored(path: Path) -> Iterator[StoredFile]:
    """What a file is; nothing where it has gone meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        facts = path.stat()
        what, problem = "", None
        if not _NAME.fullmatch(path.name) or not path.is_file():
            problem = "is none of netsurgery's"
        else:
            try:
                with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                    what = str(archive[_TOLD]) if _TOLD in archive.files else ""
            except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error):
                problem = "is spoilt"
        yield StoredFile(path, facts.st_size, facts.st_mtime, what, problem)
