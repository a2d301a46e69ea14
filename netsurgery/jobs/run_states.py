"""Where a run that trains keeps its states: in the folder of what it writes, until it is over."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Iterator

from netsurgery.errors import FormatError
from netsurgery.formats import alone, make_folder

STATES = ".training"
"""The folder, within that of the new pair, which keeps the states of a run until it is over."""
ANSWERS = "targets"
"""Within it, what a teacher answers: for all rounds of a run, as it is asked the same."""
_HELD = "held"
"""The file in it whose lock says that a run is at work there."""


@contextlib.contextmanager
def kept_states(folder: Path, anew: bool = False) -> Iterator[Path]:
    """Keep the states of a run as long as they are of use.

    They go when it is over. They stay where it is killed or fails on the way, so that it can go on;
    a run that ends before its first state leaves nothing, not even the folder. Of rounds that are
    over there are no states any more, but what the next one starts from.

    Args:
        folder: Of what the run writes.
        anew: Whether states that are there already are of no use.

    Yields:
        The folder for the states.

    Raises:
        FormatError: Another run is at work there, or the folder cannot be made.
    """
    states = folder / STATES
    begun, made = states.exists(), not folder.exists()
    make_folder(states)
    with alone(states / _HELD) as free:
        if not free:
            raise FormatError(
                "another run is at work in this folder",
                file=folder,
                remedy="wait until it is over, or choose another folder",
            )
        if anew:
            _clear(states)
        try:
            yield states
        except BaseException as error:
            answered = not isinstance(error, Exception) and any(states.rglob(ANSWERS))
            if not ((begun and not anew) or answered or _has_states(states)):
                shutil.rmtree(states, ignore_errors=True)
                if made:
                    with contextlib.suppress(OSError):  # something else is in it
                        folder.rmdir()
            raise
        shutil.rmtree(states, ignore_errors=True)


def _has_states(states: Path) -> bool:
    return any(states.glob("*/state-*")) or any(states.glob("round-*/done.json"))


def _clear(states: Path) -> None:
    """Remove what is there but for what is held."""
    for path in states.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _HELD:
            path.unlink()
