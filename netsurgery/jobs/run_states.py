"""Where a run that trains keeps its states: in the folder of what it writes, until it is over."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Iterator

STATES = ".training"
"""The folder, within that of the new pair, which keeps the states of a run until it is over."""


@contextlib.contextmanager
def kept_states(folder: Path, anew: bool = False) -> Iterator[Path]:
    """Keep the states of a run as long as they are of use.

    They go when it is over. They stay where it is killed or fails on the way, so that it can go on;
    a run that fails before its first state leaves nothing, not even the folder.

    Args:
        folder: Of what the run writes.
        anew: Whether states that are there already are of no use.

    Yields:
        The folder for the states.
    """
    states = folder / STATES
    if anew:
        shutil.rmtree(states, ignore_errors=True)
    begun, made = states.exists(), not folder.exists()
    try:
        yield states
    except Exception:  # and not what a user who interrupts it raises: the run could go on
        if not begun and not any(states.glob("*/state-*")):
            shutil.rmtree(states, ignore_errors=True)
            if made:
                with contextlib.suppress(OSError):  # it is not there, or something else is in it
                    folder.rmdir()
        raise
    shutil.rmtree(states, ignore_errors=True)
