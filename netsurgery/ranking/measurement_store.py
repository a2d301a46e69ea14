"""What an oracle has measured so far, in a file, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from netsurgery.calibration import Inputs
from netsurgery.errors import FormatError
from netsurgery.formats import MismatchError, Schema, make_folder, read_json
from netsurgery.network import Model

KIND = "netsurgery oracle"
_LINE = Schema(
    {
        "type": "object",
        "required": ["batch", "group", "channels", "numbers"],
        "properties": {
            "batch": {"type": "integer", "minimum": 0},
            "group": {"type": "string"},
            "channels": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "numbers": {"type": "array", "items": {"type": "number"}},
        },
    }
)
Place = Tuple[int, str, Tuple[int, ...]]


class MeasurementStore:
    """Lists of numbers under (batch, group, channels), each written down as it is measured.

    The file has a line of JSON for each; the first names what they belong to. A line that was
    not finished is as if it were not there.

    Attributes:
        path: The file; None to keep nothing.
    """

    def __init__(self, path: Optional[Path] = None) -> None:
        self.path = path
        self._notes: Dict[Place, List[float]] = {}

    @property
    def batches(self) -> int:
        """How many batches it knows of."""
        return 1 + max((batch for batch, _, _ in self._notes), default=-1)

    def open(self, key: str) -> None:
        """Read what is there, if it belongs to ``key``; notes of something else make way.

        Raises:
            FormatError: The file cannot be read or written, or holds no notes at all.
        """
        self._notes = {}
        if self.path is None:
            return
        kept, notes = self._read(self.path)
        if kept == key:
            self._notes = notes
        # Written again, so that a line that was cut off does not spoil the next one.
        self._write("w", {KIND: key}, *(self._line(place) for place in self._notes))

    def get(
        self, batch: int, group: str = "", channels: Sequence[int] = ()
    ) -> Optional[List[float]]:
        """Return what is noted, or None."""
        return self._notes.get((batch, group, tuple(channels)))

    def put(
        self, batch: int, numbers: List[float], group: str = "", channels: Sequence[int] = ()
    ) -> None:
        """Note numbers.

        Raises:
            FormatError: The file cannot be written.
        """
        place = batch, group, tuple(channels)
        self._notes[place] = numbers
        if self.path is not None:
            self._write("a", self._line(place))

    def _line(self, place: Place) -> Dict[str, object]:
        batch, group, channels = place
        return {"batch": batch, "group": group, "channels": channels, "numbers": self._notes[place]}

    def _read(self, path: Path) -> Tuple[str, Dict[Place, List[float]]]:
        """What the notes in a file belong to, and they."""
        try:
            text = path.read_text("utf-8") if path.exists() else json.dumps({KIND: ""}) + "\n"
            # What follows the last line end was cut off.
            first, *lines = [read_json(line) for line in text.split("\n")[:-1]]
            for line in lines:
                _LINE.check(line)
                if not all(map(math.isfinite, line["numbers"])):
                    raise ValueError("NaN is no measurement")
            return first[KIND], {
                (line["batch"], line["group"], tuple(line["channels"])): line["numbers"]
                for line in lines
            }
        except (OSError, ValueError, KeyError, TypeError, FormatError, MismatchError):
            raise FormatError(
                "is there and is no notes of an oracle", file=path, remedy="move it away"
            ) from None

    def _write(self, mode: str, *lines: Dict[str, object]) -> None:
        assert self.path is not None
        make_folder(self.path.parent)
        try:
            with open(self.path, mode, encoding="utf-8") as stream:
                stream.writelines(json.dumps(line) + "\n" for line in lines)
        except OSError as error:
            raise FormatError(f"cannot be written: {error.strerror}", file=self.path) from None


def key_of(model: Model, inputs: Inputs, output: str, size: int) -> str:
    """Return a digest of all that an oracle's numbers depend on."""
    digest = hashlib.sha256(repr((inputs.sha256, output, size)).encode())
    digest.update(b"" if inputs.labels is None else inputs.labels.tobytes())
    digest.update(model.digest.encode())
    return digest.hexdigest()
