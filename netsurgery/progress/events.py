"""What whoever listens to long work is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Tuple


@dataclass(frozen=True)
class TaskState:
    """A task that is going on.

    Attributes:
        name: What is done: ``"trials"``.
        item: What of it is begun, such as the name of a layer; empty where nothing is told.
        done: How many items are through.
        total: Of how many; None where they are not counted.
        unit: What they are: ``"layers"``, ``"inputs"``.
    """

    name: str
    item: str = ""
    done: int = 0
    total: Optional[int] = None
    unit: str = ""

    def __str__(self) -> str:
        """``trials, conv1, 3 of 12 layers``: the third is begun; of inputs, three are through."""
        # What has a name is told when it is begun.
        number = min(self.done + bool(self.item), self.total or 0)
        counted = f"{number} of {self.total} {self.unit}" if self.total is not None else ""
        return ", ".join(part for part in (self.name, self.item, counted) if part)


@dataclass(frozen=True)
class Event:
    """What goes on, told whenever a task begins and whenever one item of it is through.

    Attributes:
        tasks: The tasks that go on, the outermost first, each within the one before.
        seconds: Since the work began.
        expected: Seconds that the whole was expected to take before it began, on this machine;
            None where nothing tells.
        left: Seconds until the whole is through; None where nothing tells.
    """

    tasks: Tuple[TaskState, ...]
    seconds: float = 0.0
    expected: Optional[float] = None
    left: Optional[float] = None

    def __str__(self) -> str:
        """The tasks down to the first one that is counted: ``planning: trials, 3 of 12 layers``."""
        told = []
        for task in self.tasks:
            told.append(str(task))
            if task.total is not None:
                break
        return ": ".join(told)


Listener = Callable[[Event], object]
"""Any function of an `Event`."""


def duration(seconds: float) -> str:
    """Return ``0:07``, ``12:30`` or ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
