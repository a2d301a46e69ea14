"""What came of a command, from how it ended, what it printed and what it wrote."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from netsurgery.zoo.outcome import (
    COMPRESSED,
    CRASHED,
    FAILED,
    KEPT,
    MEMORY,
    PASSED,
    REFUSED,
    SAVED,
    TIMEOUT,
    UNJUDGED,
    Said,
    figures_of,
    judged,
    last_words,
)
from netsurgery.zoo.task import BatchTask

RECORD = "netsurgery.json"
GOLDEN_FILE = "golden.npz"
_OURS = "netsurgery: "
_OUR_FAULT = "netsurgery: internal error"
_NO_MEMORY = "netsurgery: not enough memory"


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        stopped: Why it was stopped: ``timeout``, ``memory``, ``abandoned``, ``unstarted``; None if
            it ended by itself.
        status: Its exit status; the negative number of a signal.
        seconds: How long it ran.
        peak: The most memory seen, in bytes.
        out: What it printed, its beginning and its end.
        err: The same of its standard error.
    """

    stopped: Optional[str]
    status: int
    seconds: float
    peak: int
    out: str
    err: str


def judge(task: BatchTask, ended: Ended, folder: Path) -> Tuple[Said, Dict[str, Any]]:
    """Return what came of a command and why, and the figures of its result.

    Args:
        task: What was to be done.
        ended: How that ended.
        folder: Where its result lies.
    """
    said = last_words(ended.err, ended.out)
    if ended.stopped is not None:
        return _stopped(task, ended.stopped, said), {}
    if ended.status < 0 or ended.status > 2:
        return (CRASHED, _how(ended.status, said)), {}
    if ended.status == 2 and said.startswith(_OUR_FAULT):
        return (CRASHED, said), {}
    if ended.status == 2 and said.startswith(_NO_MEMORY):
        return (MEMORY, said), {}
    try:
        return _answered(task.command, ended, said, folder)
    except (OSError, ValueError, KeyError, TypeError):
        return (CRASHED, f"ended with exit status {ended.status} and no record: {said}"), {}


def _stopped(task: BatchTask, why: str, said: str) -> Said:
    last = f"; the last it said: {said}" if said else "; it had said nothing"
    if why == "timeout":
        return TIMEOUT, f"stopped after {task.limits.timeout:g} s{last}"
    if why == "memory":
        return MEMORY, f"stopped above {(task.limits.memory or 0) / 1e6:.0f} MB{last}"
    return CRASHED, said


def _how(status: int, said: str) -> str:
    last = f"; the last it said: {said}" if said else "; it had said nothing"
    if status > 0:
        return f"ended with exit status {status}{last}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    return f"killed by signal {-status} ({name}){last}"


def _answered(command: str, ended: Ended, said: str, folder: Path) -> Tuple[Said, Dict[str, Any]]:
    if command == "verify":
        return _compared(ended, said, folder)
    if ended.status == 2:
        return (REFUSED, said.removeprefix(_OURS)), {}
    record = json.loads((folder / RECORD).read_bytes())
    figures = figures_of(record)
    if ended.status == 1:
        return (FAILED, "; ".join(_reasons(record)) or said), figures
    return (COMPRESSED if record["rewritten"] else KEPT, "; ".join(record["notes"])), figures


def _reasons(record: Mapping[str, Any]) -> Tuple[str, ...]:
    found = [*record["proof"]["reasons"]]
    if record["proof"]["effect"]:
        found += record["proof"]["effect"]["reasons"]
    return tuple(dict.fromkeys([*found, *record["quality"]["reasons"]]))


def _compared(ended: Ended, said: str, folder: Path) -> Tuple[Said, Dict[str, Any]]:
    if ended.status == 0 and (folder / GOLDEN_FILE).is_file():
        return (SAVED, ""), {}
    try:
        told = json.loads(ended.out)
        figures = judged(told["quality"], told["blobs"])
    except (ValueError, KeyError, TypeError):
        if ended.status == 2:
            return (REFUSED, said.removeprefix(_OURS)), {}
        raise
    status = {0: PASSED, 1: FAILED, 2: UNJUDGED}[ended.status]
    reasons = dict.fromkeys([*told["reasons"], *told["quality"]["reasons"]])
    return (status, "; ".join(reasons)), figures
