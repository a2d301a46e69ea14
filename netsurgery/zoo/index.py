"""The index of a batch: one file that other programs read, and a table of it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from netsurgery.errors import FormatError
from netsurgery.version import __version__
from netsurgery.zoo.entry import SkippedFile
from netsurgery.zoo.outcome import MEANINGS, PASSING, Outcome
from netsurgery.zoo.places import is_url, joined, read_bytes, write_bytes

INDEX = "zoo.json"
"""The file in the folder of a batch."""
FORMAT = 1
"""The number of the format that is written."""

AnyPath = Union[str, Path]


@dataclass(frozen=True)
class Index:
    """What a batch did.

    Attributes:
        source: What it was given.
        command: What was done, as ``compress``.
        models: What came of each model, in the order of the source; those that have not ended are
            not among them.
        skipped: What was found there and left out.
        total: How many models there are.
        originals: The prototxt and the weights of each model, by its name.
    """

    source: str
    command: str
    models: Tuple[Outcome, ...]
    skipped: Tuple[SkippedFile, ...]
    total: int
    originals: Mapping[str, Tuple[str, str]]

    @property
    def complete(self) -> bool:
        """Whether all models have ended."""
        return len(self.models) == self.total

    @property
    def counts(self) -> Dict[str, int]:
        """How many models there are of each status, in the order of `MEANINGS`."""
        found = Counter(one.status for one in self.models)
        return {status: found[status] for status in MEANINGS if found[status]}

    def __bool__(self) -> bool:
        return self.complete and not any(one.bad for one in self.models)

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data, as it stands in ``zoo.json``; see ``zoo.schema.json``."""
        return {
            "format": FORMAT,
            "netsurgery": __version__,
            "source": self.source,
            "command": self.command,
            "complete": self.complete,
            "total": self.total,
            "counts": self.counts,
            "models": [{**one.to_dict(), **self._originals_of(one.name)} for one in self.models],
            "skipped": [one.to_dict() for one in self.skipped],
        }

    def _originals_of(self, name: str) -> Dict[str, Optional[str]]:
        return dict(zip(("prototxt", "weights"), self.originals[name]))

    def write(self, folder: AnyPath) -> str:
        """Write it to a folder, or behind a URL, whole; returns its place.

        Raises:
            FormatError: It cannot be written.
        """
        place = joined(str(folder), INDEX)
        write_bytes(place, (json.dumps(self.to_dict(), indent=2) + "\n").encode())
        return place


def read_index(place: AnyPath) -> Index:
    """Read the index of a batch.

    Args:
        place: Its folder or the URL of that, or the file.

    Raises:
        FormatError: There is none, or it is not one.
    """
    path = str(place)
    if is_url(path) or Path(path).is_dir():
        path = path if path.endswith(f"/{INDEX}") else joined(path, INDEX)
    try:
        text = read_bytes(path)
        if text is None:
            raise FormatError("is not there", file=path, remedy="give the folder of a batch")
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise FormatError(
                f"this index has format {data['format']}, and {FORMAT} is known here",
                file=path,
                remedy="run the batch again with this version",
            )
        models = data["models"]
        return Index(
            source=data["source"],
            command=data["command"],
            models=tuple(map(Outcome.from_dict, models)),
            skipped=tuple(SkippedFile(Path(one["path"]), one["reason"]) for one in data["skipped"]),
            total=data["total"],
            originals={one["name"]: (one["prototxt"], one["weights"]) for one in models},
        )
    except OSError as error:
        raise FormatError(
            f"cannot read: {error.strerror}", file=path, remedy="give the folder of a batch"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"this is no index of a batch: {error}", file=path) from None


def without_times(index: Index) -> Dict[str, Any]:
    """Return an index as plain data, without what no two runs have in common."""
    found = index.to_dict()
    for one in found["models"]:
        for name in PASSING:
            del one[name]
    return found


def to_csv(index: Index) -> str:
    """Return the models of a batch as a table, a line each, with a line of titles."""
    stream = io.StringIO()
    titles = [*_PLAIN, *_FIGURES, *(title for title, _, _ in _COSTS), "reason"]
    writer = csv.DictWriter(stream, titles, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_row, index.models))
    return stream.getvalue()


_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_PLAIN = ("name", "status", "seconds", "peak_memory")
_FIGURES = ("proof", "quality", "error")
_COSTS = tuple(
    (f"{cost}_{when}", when, cost)
    for cost in ("params", "macs", "bytes")
    for when in ("before", "after")
)


def _row(one: Outcome) -> Dict[str, Any]:
    row: Dict[str, Any] = {name: getattr(one, name) for name in _PLAIN}
    row.update({name: one.figures.get(name) for name in _FIGURES})
    row.update({title: one.figures.get(when, {}).get(cost) for title, when, cost in _COSTS})
    return {name: _inert(value) for name, value in {**row, "reason": one.reason}.items()}


def _inert(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: names and reasons are data."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULAS else value
