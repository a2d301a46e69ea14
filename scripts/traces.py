"""Jobs as they went, written down while they go on and replayed with a clock of our own.

A trace is a file of JSON lines: what was expected of the tasks, then the tasks that go on, the
outermost first, whenever that changes, each with its number, name, weight and how much of that is
through, and at last the end.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, TextIO, Tuple
from weakref import WeakKeyDictionary

from netsurgery.progress import Forecast, Listener, Progress, Task

FROM, TO = 0.1, 0.95
"""Shares of the way between which the time left is held against what it was. Later it is over
before it is read."""
STEPS = 100


class Open(NamedTuple):
    """A task that goes on.

    Attributes:
        number: Tells it from every other one.
        name: What is done.
        weight: How much work it is, 0 where that is not counted.
        through: How much of that is through.
        within: The task in each of its items that tells how far that is, if there is one.
        coming: How much work the item is that goes on.
    """

    number: int
    name: str
    weight: float
    through: float
    within: str = ""
    coming: float = 0.0


class Moment(NamedTuple):
    """What went on from a moment on.

    Attributes:
        at: Seconds since the work began.
        tasks: The tasks, the outermost first.
    """

    at: float
    tasks: Tuple[Open, ...]


def read_trace(path: Path) -> Tuple[Forecast, List[Moment]]:
    """Return what was expected, and what went on since; the last moment is the end of the work.

    Raises:
        ValueError: The file is no trace, or nothing was expected.
    """
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    place = next((place for place, one in enumerate(lines) if "expected" in one), None)
    if place is None:
        raise ValueError(f"{path}: nothing was expected")
    told = lines[place]
    begun = told["at"]
    forecast = Forecast({tuple(path): seconds for path, seconds in told["expected"]})
    since = (one for one in lines[place:] if "tasks" in one)
    return forecast, [
        Moment(one["at"] - begun, tuple(Open(*task) for task in one["tasks"])) for one in since
    ]


class Recorded(Progress):
    """A `Progress` that writes down what it is told."""

    def __init__(self, stream: TextIO, tell: Optional[Listener] = None) -> None:
        """Begin now."""
        self._stream, self._numbers = stream, WeakKeyDictionary()  # type: ignore[var-annotated]
        super().__init__(tell)

    def expect(self, forecast: Optional[Forecast]) -> None:
        """Take in how long the work that now begins is expected to take."""
        if forecast is not None:
            self._note(expected=list(forecast.seconds.items()))
        super().expect(forecast)

    def end(self) -> None:
        """Write down that the work is through."""
        self._note(tasks=[])

    def _note(self, **what: object) -> None:
        at = round(self._clock() - self._began, 4)
        print(json.dumps({"at": at, **what}), file=self._stream)

    def _tell_tasks(self) -> None:
        with self.lock:
            tasks = [
                (
                    self._numbers.setdefault(task, len(self._numbers)),
                    *(task.timing.name, task.weight, round(task.through, 6)),
                    *(task.within, task.coming),
                )
                for task in self._open_tasks()
            ]
            self._note(tasks=tasks)

    def _say(self) -> None:
        self._tell_tasks()
        super()._say()

    def _close(self, task: Task) -> None:
        super()._close(task)
        self._tell_tasks()


class Replayed:
    """A `Progress` that is told again what was told once."""

    def __init__(self, forecast: Forecast) -> None:
        """Begin at 0."""
        self.now = 0.0
        self.progress = Progress(clock=lambda: self.now, processor=lambda: 0.0)
        self.progress.expect(forecast)
        self._stack: List[Tuple[int, Task, ExitStack]] = []

    def go_to(self, moment: Moment) -> None:
        """End what has ended until then, begin what has begun, and count what is through."""
        self.now = moment.at
        goes_on = {task.number for task in moment.tasks}
        while self._stack and not {number for number, *_ in self._stack} <= goes_on:
            self._stack.pop()[2].close()
        known = {number: task for number, task, _ in self._stack}
        for one in moment.tasks:
            if one.number not in known:
                stack = ExitStack()
                told = self.progress.task(one.name, weight=one.weight, within=one.within)
                known[one.number] = stack.enter_context(told)
                self._stack.append((one.number, known[one.number], stack))
            known[one.number].coming = one.coming
            known[one.number].advance(0, weight=one.through - known[one.number].through)


def told_and_true(trace: List[Moment], forecast: Forecast) -> Iterator[Tuple[float, float]]:
    """Yield the time left as it would have been told, and as it was, all along the way."""
    again, total, later = Replayed(forecast), trace[-1].at, iter(trace)
    moment: Optional[Moment] = next(later)
    for step in range(STEPS):
        at = total * (FROM + (TO - FROM) * step / STEPS)
        while moment is not None and moment.at <= at:
            again.go_to(moment)
            moment = next(later, None)
        again.now = at
        left = again.progress.left()
        assert left is not None
        yield left, total - at


def share_within(trace: List[Moment], forecast: Forecast, factor: float) -> float:
    """Return in how much of the way the time left is told within a factor."""
    found = [1 / factor <= told / true <= factor for told, true in told_and_true(trace, forecast)]
    return sum(found) / len(found)
