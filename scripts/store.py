"""Figures kept on disk as they come, so that a long run can be interrupted and goes on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("NETSURGERY_RESULTS", ROOT / "build" / "results"))
"""Where they are."""

KNOWN_ONLY = bool(os.environ.get("NETSURGERY_RESULTS_KNOWN"))
"""Measure nothing; what is not known yet is a dash."""


class MeasurementStore:
    """Figures that were measured with the present code, a line of a file each."""

    def __init__(self, name: str, code: Sequence[str]) -> None:
        """Read what is there.

        Args:
            name: Of the file.
            code: Files and folders of the package on which the figures depend; a change there
                makes them old.
        """
        self._file, self._commit = FOLDER / f"{name}.jsonl", _commit(code)
        self._found: Dict[Tuple[Any, ...], Any] = {}
        for line in self._file.read_text().splitlines() if self._file.exists() else ():
            key, found, commit = json.loads(line)
            if commit == self._commit:
                self._found[tuple(key)] = found

    def get(self, key: Sequence[Any]) -> Optional[Any]:
        """Return what was found, or None."""
        return self._found.get(tuple(key))

    def add(self, key: Sequence[Any], found: Any) -> None:
        """Keep what was found, at once."""
        self._found[tuple(key)] = found
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as notes:
            notes.write(json.dumps([key, found, self._commit]) + "\n")


def _commit(code: Sequence[str]) -> str:
    """The last commit that changed the code in question."""
    paths = [f"netsurgery/{path}" for path in code]
    command = ["git", "log", "-1", "--format=%h", "--", *paths]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
