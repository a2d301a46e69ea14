"""Figures that are kept as they come, so that an interrupted run goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

Key = Tuple[Any, ...]


class Kept:
    """Figures by what they are of, a line of a file each.

    A line that was cut off as it was written is not there, and of two lines for one thing the later
    one holds.
    """

    def __init__(self, file: Path, *made_with: str) -> None:
        """Read what is there.

        Args:
            file: The file.
            made_with: What all figures were made with, where that may change: those that were made
                with something else are not there.
        """
        self._file, self._made_with = file, made_with
        self._found: Dict[Key, Any] = {}
        for line in file.read_text().splitlines() if file.exists() else ():
            try:
                key, found, *rest = json.loads(line)
            except ValueError:
                continue
            if tuple(rest) == made_with:
                self._found[tuple(key)] = found

    def get(self, key: Sequence[Any]) -> Optional[Any]:
        """Return what was found, or None."""
        return self._found.get(tuple(key))

    def add(self, key: Sequence[Any], found: Any) -> None:
        """Keep what was found, at once."""
        self._found[tuple(key)] = found
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as lines:
            # On a line of its own also where the one before was cut off.
            lines.write("\n" + json.dumps([list(key), found, *self._made_with]))
