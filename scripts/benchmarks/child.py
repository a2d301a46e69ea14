"""Run a command as a child process, and see how long it takes and how much memory it holds."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Sequence

INTERVAL = 0.01
MEGABYTE = 1e6
CELLS = ("time", "peak memory", "of it not mapped files")


@dataclass(frozen=True)
class Run:
    """A child that ended well.

    Attributes:
        seconds: From its start to its end, interpreter and imports included.
        resident: Peak of its resident memory in bytes, mapped files included; None off Linux.
        own: Peak of its anonymous memory in bytes: what it holds besides mapped files.
        others: Share of the machine's processor time that other processes took meanwhile; None
            off Linux. Much of it, and the times say little.
        answer: What the last line of its output says, as JSON.
    """

    seconds: float
    resident: Optional[int]
    own: Optional[int]
    others: Optional[float]
    answer: dict[str, Any]

    @property
    def cells(self) -> tuple[str, str, str]:
        """What it took, for the columns that `CELLS` names."""
        return f"{self.seconds:.1f} s", megabytes(self.resident), megabytes(self.own)

    @property
    def steps(self) -> str:
        """What it spent its time on, in words."""
        steps = [f"{name} {seconds:.1f} s" for name, seconds in self.answer["seconds"].items()]
        if self.others is not None:
            steps.append(f"while other processes took {self.others:.0%} of the machine")
        return ", ".join(steps)


def run(command: Sequence[object]) -> Run:
    """Run ``command`` to its end.

    Raises:
        SystemExit: It failed; with the end of what it wrote.
    """
    words = [str(word) for word in command]
    before, start = _processor_seconds(), time.perf_counter()
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peaks: dict[str, int] = {}
    watcher = threading.Thread(target=_watch, args=(child, peaks))
    watcher.start()
    output, errors = child.communicate()
    seconds = time.perf_counter() - start
    watcher.join()
    if child.returncode:
        raise SystemExit(f"benchmark: {' '.join(words)} failed:\n{errors[-2000:]}")
    lines = output.splitlines()
    answer = json.loads(lines[-1]) if lines else {}
    others = _share_of_others(before, seconds)
    return Run(seconds, peaks.get("VmHWM"), peaks.get("RssAnon"), others, answer)


def megabytes(size: Optional[int]) -> str:
    """A number of bytes for a table."""
    return "?" if size is None else f"{size / MEGABYTE:,.0f} MB"


def _processor_seconds() -> Optional[tuple[float, float]]:
    """Processor time used so far: by everybody, and by this process and its ended children."""
    stat = Path("/proc/stat")
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


def _watch(child: subprocess.Popen[str], peaks: dict[str, int]) -> None:
    """Sample the child's memory until it ends."""
    status = Path(f"/proc/{child.pid}/status")
    while child.poll() is None:
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return
        for name in ("VmHWM", "RssAnon"):
            for line in lines:
                if line.startswith(f"{name}:"):
                    peaks[name] = max(peaks.get(name, 0), int(line.split()[1]) * 1024)
        time.sleep(INTERVAL)
