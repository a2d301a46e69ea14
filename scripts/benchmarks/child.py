"""Run a job as a child process, and see how long it takes and how much memory it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Optional, Sequence

from benchmarks.sides import environment
from benchmarks.watching import watch

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
    """Run ``command`` to its end, a peer with the same variables as a build (`environment`).

    Raises:
        SystemExit: It failed; with the end of what it wrote.
    """
    done = watch(command, environment())
    if done.status:
        words = " ".join(map(str, command))
        raise SystemExit(f"benchmark: {words} failed:\n{done.errors[-2000:]}")
    lines = done.output.splitlines()
    answer = json.loads(lines[-1]) if lines else {}
    memory = done.memory
    return Run(done.seconds, memory.resident or None, memory.own or None, done.others, answer)


def megabytes(size: Optional[int]) -> str:
    """A number of bytes for a table."""
    return "?" if size is None else f"{size / MEGABYTE:,.0f} MB"
