"""Where the time of a job went."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, Tuple

from netsurgery.cleanup import child_processes

try:
    _TICK = 1.0 / os.sysconf("SC_CLK_TCK")
except (AttributeError, ValueError, OSError):
    _TICK = 0.0  # Windows


@dataclass
class Timing:
    """How long a task took, all times that it was done together.

    Tasks within it that go on side by side, in threads, may take more together than it does.

    Attributes:
        name: What was done; empty for the whole job.
        seconds: Of wall time.
        processor: Seconds of all processors, child processes included: those that run still are
            looked at where the system tells of them (Linux), elsewhere they count when they end.
        times: How often it was done.
        counts: What else was counted: forward passes, fits, bytes.
        tasks: What was done within it, by name, in the order of their first beginnings.
    """

    name: str = ""
    seconds: float = 0.0
    processor: float = 0.0
    times: int = 0
    counts: Dict[str, int] = field(default_factory=dict)
    tasks: Dict[str, Timing] = field(default_factory=dict)

    def within(self, name: str) -> Timing:
        """Return the timing of a task within this one, which is begun if there is none."""
        return self.tasks.setdefault(name, Timing(name))

    def count(self, what: str, number: int = 1) -> None:
        """Count something that was done."""
        self.counts[what] = self.counts.get(what, 0) + number

    def rows(self, depth: int = 2) -> Iterator[Tuple[Tuple[str, ...], Timing]]:
        """Yield the tasks with their paths, each before those within it.

        Args:
            depth: How deep to go: 1 for the tasks of the job, 2 for those within them too.
        """
        for name, one in self.tasks.items():
            yield (name,), one
            if depth > 1:
                yield from (((name, *path), below) for path, below in one.rows(depth - 1))

    def to_dict(self, depth: int = 2) -> Dict[str, Any]:
        """Return the seconds, rounded to milliseconds, as plain data.

        Args:
            depth: How deep to go.
        """
        facts: Dict[str, Any] = {"name": self.name} if self.name else {}
        facts["seconds"] = round(self.seconds, 3)
        facts["processor_seconds"] = round(self.processor, 3)
        if self.times > 1:
            facts["times"] = self.times
        facts.update({"counts": dict(self.counts)} if self.counts else {})
        if depth and self.tasks:
            facts["tasks"] = [one.to_dict(depth - 1) for one in self.tasks.values()]
        return facts


def processor_seconds() -> float:
    """Return the processor time of this process and of its child processes, ended and running."""
    own = os.times()
    ended = own.children_user + own.children_system
    return time.process_time() + ended + sum(map(_of_running, child_processes()))


def _of_running(process: int) -> float:
    """What Linux says of a process that runs; 0 elsewhere, and of one that is gone."""
    try:
        with open(f"/proc/{process}/stat", "rb") as stream:
            # The name stands in brackets, and may hold anything.
            facts = stream.read().rpartition(b")")[2].split()
        return (int(facts[11]) + int(facts[12])) * _TICK
    except (OSError, ValueError, IndexError):
        return 0.0
