"""What has to be gone when the process is told to stop: scratch files, child processes.

A signal may come while NumPy factors a matrix for minutes, and Python's own handlers wait for
that. So whoever makes something that must not stay says so here, and the command line's watchman,
in a thread of its own, calls `clear` before it ends the process.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterator,
    Optional,
    Sequence,
    Tuple,
    Union,
)

if TYPE_CHECKING:
    import subprocess

_lock = threading.RLock()
_duties: Dict[int, Callable[[], object]] = {}
_processes: Dict[int, int] = {}
_numbers = itertools.count()
_PROCESSES_FIRST = 1 << 60


class Duty:
    """One thing to clear away, until `done`."""

    def __init__(self, number: int) -> None:
        self._number = number

    def done(self) -> None:
        """Take it off the list: it is gone already."""
        _duties.pop(self._number, None)
        _processes.pop(self._number, None)


def on_leaving(clear_away: Callable[[], object], process: Optional[int] = None) -> Duty:
    """Have ``clear_away`` called if the process is told to stop.

    Args:
        clear_away: Called in another thread, while the main one still runs: it must not wait for
            that one.
        process: The number of the child process that it ends, if it does: these come first, as
            they might still write files.
    """
    number = next(_numbers) + (0 if process is None else _PROCESSES_FIRST)
    _duties[number] = clear_away
    if process is not None:
        _processes[number] = process
    return Duty(number)


def child_processes() -> Tuple[int, ...]:
    """Return the numbers of the child processes that have to be gone and are not yet."""
    return tuple(_processes.copy().values())


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let nobody leave before the end of the ``with``: for making something and for giving it up.

    Keep it short.
    """
    with _lock:
        yield


def clear() -> None:
    """Clear everything away, the latest first. From then on, `undisturbed` waits for ever."""
    _lock.acquire()
    for number in sorted(_duties, reverse=True):
        clear_away = _duties.get(number)
        if clear_away is not None:
            with contextlib.suppress(Exception):  # one that cannot go must not keep the others
                clear_away()


def run_process(
    command: Union[str, Sequence[str]], **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as ``subprocess.run`` does, and keep what it prints as text.

    It stands in a process group of its own, which is ended as a whole with this process.

    Args:
        command: The command.
        options: More arguments of ``subprocess.Popen``.

    Raises:
        OSError: It cannot be run.
    """
    import subprocess

    with undisturbed():
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            **options,
        )
        duty = on_leaving(lambda: _end_group(process), process.pid)
    try:
        out, err = process.communicate()
    except BaseException:
        _end_group(process)
        process.wait()
        raise
    finally:
        duty.done()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _end_group(process: subprocess.Popen[str]) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
