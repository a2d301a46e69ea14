"""Figures kept on disk as they come, so that a long run can be interrupted and goes on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Sequence

from kept import Kept

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(os.environ.get("NETSURGERY_RESULTS", ROOT / "build" / "results"))
"""Where they are."""

KNOWN_ONLY = bool(os.environ.get("NETSURGERY_RESULTS_KNOWN"))
"""Measure nothing; what is not known yet is a dash."""


class MeasurementStore(Kept):
    """Figures that were measured with the present code."""

    def __init__(self, name: str, code: Sequence[str]) -> None:
        """Read what is there.

        Args:
            name: Of the file.
            code: Files and folders of the package on which the figures depend; a change there
                makes them old.
        """
        super().__init__(FOLDER / f"{name}.jsonl", last_commit(code))


def last_commit(code: Sequence[str]) -> str:
    """Return the last commit that changed some of the package's code.

    Args:
        code: Files and folders of the package.
    """
    paths = [f"netsurgery/{path}" for path in code]
    command = ["git", "log", "-1", "--format=%h", "--", *paths]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
