"""Long work told while it goes on: the tasks that it is made of, and how far they are."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from copy import deepcopy
from typing import (
    Callable,
    Collection,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    TypeVar,
    Union,
)

from netsurgery.progress.events import Event, Listener, TaskState
from netsurgery.progress.forecast import Forecast, Path, TaskTime, seconds_left
from netsurgery.progress.timings import Timing, processor_seconds

Item = TypeVar("Item")
Clock = Callable[[], float]

DEPTH = 2
"""So deep processor time is looked at: asking for it takes longer than a small task does."""


class Task:
    """A task that goes on; made by a `Progress`.

    Attributes:
        coming: The weight of the item that goes on, where a task within it tells how far that is.
    """

    def __init__(self, owner: Progress, timing: Timing, total: Optional[float], unit: str) -> None:
        """Not for others: see `Progress.task`."""
        self._owner, self.timing = owner, timing
        self.total, self.unit = total, unit
        self.item, self.done = "", 0
        self.through, self.weight, self.coming = 0.0, 0.0, 0.0
        self.within = ""
        self.head, self.first = 0.0, 0.0  # when the first item was through, and its weight
        self.passing = False  # it ends when another one begins beside it
        self.began, self.processor = 0.0, 0.0

    def advance(self, count: int = 1, item: str = "", weight: Optional[float] = None) -> None:
        """Say that some of what is counted is through.

        Args:
            count: How many.
            item: What comes next.
            weight: How much of the whole they were, where they are no equals.
        """
        with self._owner.lock:
            self.done += count
            self.item = item
            self._owner._went(self, count if weight is None else weight)
        self._owner._say()

    def count(self, what: str, number: int = 1) -> None:
        """Count something that was done: see `Progress.count`."""
        self._owner.count(what, number)

    @property
    def state(self) -> TaskState:
        """How far it is."""
        total = None if self.total is None else int(self.total)
        return TaskState(self.timing.name, self.item, self.done, total, self.unit)


_SOON = 0.25
"""Seconds from which on what is seen of the work tells more than what was expected of it."""


class Progress:
    """Tells of long work, and takes its time.

    Work says what it is about with `task`, `each` and `begin`. Tasks of one thread stand within
    each other; those of another thread within the latest of the thread that began.
    """

    def __init__(
        self,
        tell: Optional[Listener] = None,
        clock: Clock = time.monotonic,
        processor: Clock = processor_seconds,
    ) -> None:
        """Begin now.

        Args:
            tell: Called with an `Event` whenever something begins or is through.
            clock: Seconds.
            processor: Seconds of processor time.
        """
        self._tell, self._clock, self._processor = tell, clock, processor
        self.lock = threading.RLock()
        self._stacks: Dict[int, List[Task]] = {}
        self._timings = Timing(times=1)
        self._began, self._used = clock(), processor()
        self.forecast: Optional[Forecast] = None

    @classmethod
    def of(cls, given: ProgressLike) -> Progress:
        """Return what tells whom a caller names: a function of an `Event`, or nobody."""
        return given if isinstance(given, Progress) else cls(given)

    @contextmanager
    def task(
        self,
        name: str,
        total: Optional[float] = None,
        unit: str = "",
        weight: Optional[float] = None,
        within: str = "",
    ) -> Iterator[Task]:
        """Do what is in the ``with`` as a task of a name.

        Args:
            name: What is done, in a word or two: ``"trials"``.
            total: How many items of it there are, if they will be counted with `Task.advance`.
            unit: What they are: ``"layers"``.
            weight: How much work all are together, where they are no equals.
            within: The task in each item that is counted and is nearly all of it, if there is one:
                the time left is told by that, too.
        """
        task = self._open(name, total, unit)
        task.weight = task.weight if weight is None else weight
        task.within, task.coming = within, task.weight / total if total else 0.0
        self._say()
        try:
            yield task
        finally:
            self._close(task)

    def begin(self, name: str) -> None:
        """Say what comes next, within a task of the caller's own.

        It lasts until the next is begun like this, or the task ends that it stands in.
        """
        with self.lock:
            mine = self._stacks.get(threading.get_ident())
            if mine and mine[-1].passing:
                self._close(mine[-1])
            self._open(name, None, "").passing = True
        self._say()

    def each(
        self,
        items: Collection[Item],
        name: str,
        unit: str,
        told: Callable[[Item], str] = str,
        weights: Sequence[float] = (),
    ) -> Iterator[Item]:
        """Yield items one after another; what is done with them is a task that is counted.

        Args:
            items: The items.
            name: What is done with them: ``"trials"``.
            unit: What they are: ``"layers"``.
            told: Names an item.
            weights: How much work each is beside the others; all alike if there are none.
        """
        total = float(sum(weights)) if weights else float(len(items))
        task = self._open(name, len(items), unit)
        task.weight = total
        try:
            for number, item in enumerate(items):
                task.item = told(item)
                self._say()
                yield item
                task.done, task.item = number + 1, ""
                self._went(task, weights[number] if weights else 1.0)
        finally:
            self._close(task)

    def count(self, what: str, number: int = 1) -> None:
        """Count something that was done, for `timings`: forward passes, fits, bytes."""
        with self.lock:
            for task in self._open_tasks():
                task.timing.count(what, number)
            self._timings.count(what, number)

    def expect(self, forecast: Optional[Forecast]) -> None:
        """Take in how long the work that now begins is expected to take."""
        self.forecast = forecast
        if forecast is not None:
            self._say()

    @property
    def timings(self) -> Timing:
        """Where the time went so far."""
        with self.lock:
            self._timings.seconds = self._clock() - self._began
            self._timings.processor = self._processor() - self._used
            return deepcopy(self._timings)

    @property
    def event(self) -> Event:
        """What goes on now."""
        with self.lock:
            states = tuple(task.state for task in self._open_tasks())
            expected, seconds = (self.forecast.total if self.forecast else None), self._clock()
            seconds -= self._began
            return Event(states, seconds, expected, self.left() if seconds > _SOON else expected)

    def left(self) -> Optional[float]:
        """Seconds until the whole is through; without a forecast None."""
        with self.lock:
            return seconds_left(self.forecast, self._known()) if self.forecast else None

    def _known(self) -> Dict[Path, TaskTime]:
        """How far the tasks are that the forecast speaks of."""
        assert self.forecast is not None
        running: Dict[Path, TaskTime] = {}
        tasks, path = self._open_tasks(), ()  # type: List[Task], Path
        for place, task in enumerate(tasks, 1):
            path = (*path, task.timing.name)
            if path in self.forecast.seconds:
                running[path] = _time_of(task, tasks[place:], self._clock())
        known = {}
        for path in self.forecast.seconds:
            timing: Optional[Timing] = self._timings
            for name in path:
                timing = timing.tasks.get(name) if timing else None
            if path in running:
                before = timing.seconds if timing else 0.0
                # How much is through of one time says nothing of how many there will be.
                again = TaskTime(before + running[path].seconds, True)
                known[path] = again if before else running[path]
            elif timing is not None:
                known[path] = TaskTime(timing.seconds)
        return known

    def _went(self, task: Task, weight: float) -> None:
        """Note that so much of what is counted is through."""
        with self.lock:
            task.through += weight
            if weight and not task.first:
                task.head, task.first = self._clock() - task.began, task.through

    def _open_tasks(self) -> List[Task]:
        """The tasks that stand within each other, of the thread that began."""
        return next(iter(self._stacks.values()), [])

    def _open(self, name: str, total: Optional[float], unit: str) -> Task:
        with self.lock:
            mine = self._stacks.setdefault(threading.get_ident(), [])
            trunk = self._open_tasks()
            outer = mine or trunk
            timing = (outer[-1].timing if outer else self._timings).within(name)
            task = Task(self, timing, total, unit)
            task.weight = total or 0.0
            depth = len(mine) if mine is trunk else len(trunk) + len(mine)
            task.began = self._clock()
            task.processor = self._processor() if depth < DEPTH else -1.0
            mine.append(task)
        return task

    def _close(self, task: Task) -> None:
        """End a task, and all that was begun within it and not ended."""
        with self.lock:
            thread, stack = next(
                ((key, one) for key, one in self._stacks.items() if task in one), (None, [])
            )
            if thread is None:
                return
            clock = self._clock()
            while stack:
                last = stack.pop()
                last.timing.seconds += clock - last.began
                last.timing.times += 1
                if last.processor >= 0:
                    last.timing.processor += self._processor() - last.processor
                if last is task:
                    break
            if not stack:
                del self._stacks[thread]

    def _say(self) -> None:
        if self._tell is not None:
            self._tell(self.event)


def _time_of(task: Task, inner: Sequence[Task], now: float) -> TaskTime:
    """How far a task is that goes on, with those that go on in it."""
    seconds = now - task.began
    if not task.weight:
        return TaskTime(seconds, True)
    through, first, head = task.through, task.first, task.head
    for one in inner:
        if one.timing.name == task.within and one.weight:
            through += task.coming * one.through / one.weight
            if not first and one.first:
                first = task.coming * one.first / one.weight
                head = one.began + one.head - task.began
    return TaskTime(seconds, True, through / task.weight, head, first / task.weight)


ProgressLike = Union[Progress, Listener, None]
"""What long work tells: a `Progress`, a function of an `Event`, or nobody."""


class _Silent(Progress):
    """Tells nobody, and takes no time: for whoever is asked by other code, many times over."""

    def __init__(self) -> None:
        super().__init__(processor=lambda: 0.0)

    @contextmanager
    def task(
        self,
        name: str,
        total: Optional[float] = None,
        unit: str = "",
        weight: Optional[float] = None,
        within: str = "",
    ) -> Iterator[Task]:
        yield Task(self, Timing(name), total, unit)

    def begin(self, name: str) -> None: ...

    def each(
        self,
        items: Collection[Item],
        name: str,
        unit: str,
        told: Callable[[Item], str] = str,
        weights: Sequence[float] = (),
    ) -> Iterator[Item]:
        return iter(items)

    def count(self, what: str, number: int = 1) -> None: ...

    def expect(self, forecast: Optional[Forecast]) -> None: ...


silent = _Silent()
"""The `Progress` of whoever asks for none."""
