"""Run a command, and see what it and all that it starts take of the machine."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Mapping, Optional, Sequence

KIBI = 1024
LEAST_PAUSE, SHARE_OF_SAMPLING = 0.02, 0.05
"""Seconds between two looks at memory, more where a look takes a larger share of a core."""
GRACE = 10
"""Seconds that a command has to clean up behind itself when it is stopped."""
PROC = Path("/proc")


@dataclass
class Memory:
    """Peaks of what processes held, in bytes; 0 where there is no /proc.

    Attributes:
        resident: VmHWM of the command's own process, mapped files included.
        own: Its anonymous memory: what it holds besides mapped files.
        largest: The resident memory of that of its processes which held most, as
            ``/usr/bin/time`` tells it.
        tree: The proportional set sizes of all its processes, added up: pages that several of them
            map are shared out among them, so that nothing counts twice.
    """

    resident: int = 0
    own: int = 0
    largest: int = 0
    tree: int = 0


@dataclass(frozen=True)
class Watched:
    """What a command took.

    Attributes:
        seconds: From its start to its end, interpreter and imports included.
        processor: Processor time of it and of all that it waited for, in seconds.
        memory: Peaks of its memory.
        others: Share of the machine's processor time that other processes took meanwhile; None
            off Linux.
        status: What it ended with; negative where a signal ended it.
        stopped: It had not ended at the limit.
        output: What it printed.
        errors: What it wrote to standard error.
    """

    seconds: float
    processor: float
    memory: Memory
    others: Optional[float]
    status: int
    stopped: bool
    output: str
    errors: str


def watch(
    command: Sequence[object],
    environment: Optional[Mapping[str, str]] = None,
    limit: Optional[float] = None,
    sampled: bool = True,
) -> Watched:
    """Run ``command`` to its end.

    Args:
        command: Its words.
        environment: Its variables; those of this process if not given.
        limit: Seconds after which it is told to stop, and all that it started.
        sampled: Look at its memory, which takes a few percent of a core.
    """
    words = [str(word) for word in command]
    before, used, start = _processor_seconds(), _of_children(), time.perf_counter()
    child = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=None if environment is None else dict(environment),
        start_new_session=True,
    )
    memory, stopped = Memory(), False
    watcher = threading.Thread(target=_sample, args=(child, memory))
    if sampled:
        watcher.start()
    try:
        output, errors = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        stopped = True
        output, errors = _stop(child)
    except BaseException:
        _stop(child)
        raise
    seconds = time.perf_counter() - start
    if sampled:
        watcher.join()
    processor = _of_children() - used
    others = _share_of_others(before, seconds)
    return Watched(seconds, processor, memory, others, child.returncode, stopped, output, errors)


def members(session: int) -> List[int]:
    """Return the processes of a session, which is known by the process that leads it."""
    found = []
    for folder in PROC.glob("[0-9]*"):
        # "pid (name) state parent group session ...", and a name may hold anything.
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                found.append(int(folder.name))
    return found


def proportional(processes: Sequence[int]) -> int:
    """Return the proportional set sizes of processes, added up, in bytes."""
    return sum(_fields(PROC / str(one) / "smaps_rollup", "Pss").get("Pss", 0) for one in processes)


@contextlib.contextmanager
def busy_cores(python: str) -> Iterator[None]:
    """Keep every core that we may use busy with a process of its own."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    loops = [subprocess.Popen([python, "-c", "while True: pass"]) for _ in range(cores or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _stop(child: subprocess.Popen[str]) -> tuple[str, str]:
    """End a command and all that it started; what it wrote."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE)
    return child.communicate()


def _sample(child: subprocess.Popen[str], memory: Memory) -> None:
    """Look at the memory of a command until it ends."""
    while child.poll() is None:
        begun = time.thread_time()
        status = _fields(PROC / str(child.pid) / "status", "VmHWM", "RssAnon")
        memory.resident = max(memory.resident, status.get("VmHWM", 0))
        memory.own = max(memory.own, status.get("RssAnon", 0))
        processes = members(child.pid)
        for one in processes:
            peak = _fields(PROC / str(one) / "status", "VmHWM").get("VmHWM", 0)
            memory.largest = max(memory.largest, memory.resident, peak)
        memory.tree = max(memory.tree, proportional(processes))
        took = time.thread_time() - begun
        time.sleep(max(LEAST_PAUSE, took / SHARE_OF_SAMPLING))


def _fields(file: Path, *names: str) -> dict[str, int]:
    """Those of a file of /proc that are sizes, in bytes; none of a process that is gone."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    parts = (line.split() for line in lines)
    return {
        one[0][:-1]: int(one[1]) * KIBI for one in parts if len(one) > 1 and one[0][:-1] in names
    }


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processor_seconds() -> Optional[tuple[float, float]]:
    """Processor time used so far: by everybody, and by this process and its ended children."""
    stat = PROC / "stat"
    if not stat.exists():
        return None
    user, nice, system = map(int, stat.read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK"), sum(os.times()[:4])


def _share_of_others(before: Optional[tuple[float, float]], seconds: float) -> Optional[float]:
    after = _processor_seconds()
    if before is None or after is None:
        return None
    others = (after[0] - before[0]) - (after[1] - before[1])
    return max(0.0, others / (seconds * (os.cpu_count() or 1)))
