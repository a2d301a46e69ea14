"""A store in one JSON file, for numbers that a user keeps beside what they were measured for."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats import make_folder, read_json, write_whole
from netsurgery.measurements.base import Arrays, MeasurementStore, MemoryStore, sealed

KIND = "netsurgery measurements"
VERSION = 1
_END = b"]\n"
_OLD = "netsurgery oracle"
"""The first line of what earlier versions kept of an oracle began with it."""

Entry = Tuple[str, str, Arrays]


class FileStore(MeasurementStore):
    """A store in one file: a JSON list with an entry a line, each written down as it is measured.

    A run that is interrupted loses nothing. Numbers are float64.

    Attributes:
        path: The file; it comes to be with the first entry.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        """Read what there is.

        Raises:
            FormatError: The file cannot be read, or holds something else.
        """
        self.path = Path(path)
        self._entries: Dict[str, Tuple[str, Arrays]] = {}
        # Whether the file can be added to as it is.
        self._whole = False
        if self.path.exists():
            self._read()

    def find(self, key: str) -> Optional[Arrays]:
        """Return what is kept under a key, or None."""
        found = self._entries.get(key)
        return None if found is None else dict(found[1])

    def __len__(self) -> int:
        return len(self._entries)

    def _write(self, key: str, arrays: Arrays, told: str) -> None:
        known = {name: array.astype(np.float64) for name, array in arrays.items()}
        again = key in self._entries
        self._entries[key] = told, known
        try:
            if self._whole and not again:
                self._add(_line((key, told, known)))
            else:
                self._write_all()
        except OSError as error:
            raise FormatError(f"cannot be written: {error.strerror}", file=self.path) from None
        self._whole = True

    def _add(self, line: bytes) -> None:
        with open(self.path, "r+b") as stream:
            stream.seek(-len(_END), os.SEEK_END)
            stream.write(b"," + line + b"\n" + _END)

    def _write_all(self) -> None:
        lines = [_line((key, *entry)) for key, entry in self._entries.items()]
        head = json.dumps({KIND: VERSION}).encode()
        data = b"[" + b"\n,".join([head, *lines]) + b"\n" + _END
        make_folder(self.path.parent)
        write_whole(self.path, data)

    def _read(self) -> None:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise FormatError(f"cannot be read: {error.strerror}", file=self.path) from None
        lines = data.split(b"\n")
        found = [entry for line in lines for entry in _entries_in(line)]
        self._entries = {key: (told, arrays) for key, told, arrays in found}
        first = f'[{{"{KIND}": {VERSION}}}'.encode()
        if data and not found and lines[0] != first:
            if not _is_of_an_earlier_version(data):
                raise FormatError(
                    "is there and holds no measurements of netsurgery",
                    file=self.path,
                    remedy="move it away, or have them kept elsewhere",
                )
            warnings.warn(
                f"{self.path}: holds what an earlier version measured, and is started anew",
                stacklevel=2,
            )
        # The head, the entries, the end, and what follows the last line end: nothing.
        self._whole = lines[0] == first and len(lines) == 1 + len(self._entries) + 2
        self._whole = self._whole and data.endswith(b"\n" + _END)


def open_store(path: Union[str, Path, None]) -> MeasurementStore:
    """Return the store in a file; with None, one that is gone with the process.

    Raises:
        FormatError: The file cannot be read, or holds something else.
    """
    return MemoryStore() if path is None else FileStore(path)


def _line(entry: Entry) -> bytes:
    key, told, arrays = entry
    facts = {
        "key": key,
        "what": told,
        "values": {name: array.tolist() for name, array in arrays.items()},
        "sha256": sealed(key, arrays, told),
    }
    return json.dumps(facts).encode()


def _entries_in(line: bytes) -> Iterator[Entry]:
    """The entry of a line; none where it is damaged, or no entry."""
    try:
        entry = read_json(line.lstrip(b"[,").decode())
        key, told = entry["key"], entry["what"]
        values: Dict[str, List[Any]] = entry["values"]
        arrays = {name: np.array(numbers, np.float64) for name, numbers in values.items()}
        if entry["sha256"] == sealed(key, arrays, told):
            yield key, told, arrays
    except (FormatError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return


def _is_of_an_earlier_version(data: bytes) -> bool:
    """Whether it is a JSON object of numbers by name, or the lines that an oracle left."""
    try:
        first = read_json(data.split(b"\n")[0].decode()) if data[:2] == b'{"' else {}
        found = read_json(data.decode()) if _OLD not in first else {}
    except (FormatError, ValueError):
        return False
    if not isinstance(found, dict):
        return False
    numbers = all(type(one) in (int, float) for one in found.values())
    return _OLD in first or (numbers and bool(found))
