"""A store in a folder, a file an entry: for arrays, within a limit of bytes."""

from __future__ import annotations

import contextlib
import os
import platform
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, Optional, Union

import numpy as np

from netsurgery.formats import make_folder, write_together
from netsurgery.measurements.base import Arrays, MeasurementStore, sealed

VARIABLE = "NETSURGERY_CACHE"
MOST_BYTES = 2 << 30
"""What all files may have together; the ones longest not used make way."""

_SEAL = "sha256"
"""The array that says what the others of a file must be, and what they are for."""


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
            if str(arrays.pop(_SEAL)) != sealed(key, arrays):
                return None
        except (OSError, ValueError, EOFError, KeyError, MemoryError, SyntaxError, AttributeError):
            return None
        except (TypeError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(place)
        return arrays

    def _write(self, key: str, arrays: Arrays, told: str) -> None:
        make_folder(self.folder)
        # One that would drive out most others, such as the moments of a huge fc6, is not worth it.
        if sum(array.nbytes for array in arrays.values()) > self.most_bytes // 4:
            return
        whole: Dict[str, Any] = {**arrays, _SEAL: np.array(sealed(key, arrays))}
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
