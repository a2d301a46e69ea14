"""Runs one task in a process of its own, and puts its result in its place: the one code path.

Who calls `run_task` is for a scheduler to say: a thread of this process, or a worker elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from netsurgery.cleanup import on_leaving, undisturbed
from netsurgery.errors import visible
from netsurgery.formats import scratch_folder, sha256_of
from netsurgery.linalg import blas_variables, outer_environment
from netsurgery.zoo.judging import Ended, judge
from netsurgery.zoo.outcome import CRASHED, MOST_SAID, OUTCOME, PRINTED, Outcome
from netsurgery.zoo.places import fetched, is_url, known_outcome, publish
from netsurgery.zoo.task import BatchTask, Reads, Writes, files_below, with_option

WARDEN = Path(__file__).parent / "warden.py"
_KEPT = 1 << 21
"""Bytes of the beginning, and of the end, of what a command prints that are kept."""
_TO_LEAVE = 10.0


def run_task(task: BatchTask, threads: Optional[int] = 1) -> Outcome:
    """Run a task and put its result in its place, or do nothing where it lies there already.

    The result is the folder ``task.folder/task.name``, with what the command wrote, `PRINTED`, and
    `OUTCOME`. It is there whole or not at all.

    Args:
        task: What to do.
        threads: How many threads its linear algebra may have; None: nothing is said of it.

    Raises:
        FormatError: The result cannot be written, or an input not be fetched.
        OSError: The result cannot be written.
    """
    known = known_outcome(task.folder, task.name)
    if known is not None and task.is_settled_by(known):
        return known  # as when a worker died before it could tell
    beside = tempfile.gettempdir() if is_url(task.folder) else task.folder
    with scratch_folder(beside) as scratch:
        result = scratch / "result"
        result.mkdir()
        words = _words(task, result, scratch / "inputs")
        program = task.program or (sys.executable, "-m", "netsurgery")
        ended = watched([*program, *words], task, threads, scratch)
        with undisturbed():
            pass  # where this process is leaving, nothing more is written
        (status, reason), figures = judge(task, ended, result)
        outcome = Outcome(
            name=task.name,
            key=task.key,
            command=task.command,
            status=status,
            options=task.options,
            reason=_one_line(reason.replace(str(result), task.name)),
            seconds=round(ended.seconds, 3),
            peak_memory=ended.peak,
            memory=task.limits.memory,
            timeout=task.limits.timeout,
            figures=figures,
            files={
                file.relative_to(result).as_posix(): sha256_of(file) for file in files_below(result)
            },
        )
        printed = (ended.out + ended.err).replace(str(result), task.name)
        (result / PRINTED).write_text(_shown(printed), encoding="utf-8")
        (result / OUTCOME).write_text(json.dumps(outcome.to_dict(), indent=2) + "\n")
        publish(result, task.folder, task.name, scratch / "old")
    return outcome


def lost(task: BatchTask, reason: str) -> Outcome:
    """Return the outcome of a task that nobody could run."""
    return Outcome(task.name, task.key, task.command, CRASHED, task.options, _one_line(reason))


def _one_line(text: str) -> str:
    return visible(" ".join(text.split()))[:MOST_SAID]


def _words(task: BatchTask, result: Path, inputs: Path) -> List[str]:
    words = []
    for number, word in enumerate(task.words):
        if isinstance(word, Reads):
            words.append(with_option(word.option, fetched(word.place, inputs / str(number))))
        elif isinstance(word, Writes):
            words.append(with_option(word.option, str(result / word.name)))
        else:
            words.append(word)
    return words


def _shown(text: str) -> str:
    """Lines with what a terminal would obey spelt out."""
    return "\n".join(map(visible, text.split("\n")))


def watched(command: List[str], task: BatchTask, threads: Optional[int], scratch: Path) -> Ended:
    """Run a command under a warden, which ends it at a limit, or when this process has gone.

    Args:
        command: Program and words.
        task: Whose limits hold.
        threads: How many threads its linear algebra may have; None: nothing is said of it.
        scratch: The folder that it writes to, which goes with it where this process has gone.
    """
    asked = {
        "command": command,
        "environment": {**outer_environment(), **(blas_variables(threads) if threads else {})},
        "folder": None,
        "memory": task.limits.memory,
        "timeout": task.limits.timeout,
        "kept": _KEPT,
        "scratch": str(scratch),
    }
    with undisturbed():
        warden = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WARDEN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        duty = on_leaving(lambda: _dismiss(warden), warden.pid)
    try:
        return _told(warden, asked)
    finally:
        _dismiss(warden)
        duty.done()


def _told(warden: subprocess.Popen[bytes], asked: Mapping[str, Any]) -> Ended:
    assert warden.stdin
    assert warden.stdout
    answer: Dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        warden.stdin.write(json.dumps(asked).encode() + b"\n")
        warden.stdin.flush()
        answer = json.loads(warden.stdout.read())
    return Ended(**(answer or _GONE))


_GONE = {
    "stopped": "abandoned",
    "status": -1,
    "seconds": 0.0,
    "peak": 0,
    "out": "",
    "err": "whoever watched it was killed",
}


def _dismiss(warden: subprocess.Popen[bytes]) -> None:
    """Have a warden kill what it watches, and go."""
    assert warden.stdin
    with contextlib.suppress(OSError, ValueError):
        warden.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        warden.wait(_TO_LEAVE)
        return
    warden.kill()
