"""What long work tells of itself: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import re
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Callable, Iterator, List, Optional, Tuple

from netsurgery.progress import Progress as Show

Clock = Callable[[], float]

FIRST, LONGEST = 12.0, 60.0
"""Seconds until the first line of a log, and the most between two lines."""

_COUNTS = re.compile(r"(\d+) of (\d+)(?: (\w+))?")
_DONE = "inputs"  # are counted when they are done, all else when it is begun


@dataclass
class _Count:
    """A count that goes on: ``3 of 12 layers``."""

    key: Tuple[int, str]
    first: int
    began: float
    now: int
    at: float

    def left(self, clock: float) -> Optional[float]:
        """Seconds until it is through, at the pace so far; None where that tells nothing."""
        if self.now == self.first:
            return None
        of, what = self.key
        each = (self.at - self.began) / (self.now - self.first)
        left = (of - self.now + (what != _DONE)) * each - (clock - self.at)
        return left if left > 0 else None


class Pace:
    """How far work is, and how long it will take, by the counts in what it says of itself.

    Counts may stand within each other, as inputs within layers: the outermost that has a pace tells
    the time. A count that begins anew, and what was counted within one that goes on, is forgotten.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """Begin now."""
        self._clock, self._began = clock, clock()
        self._counts: List[_Count] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    def hear(self, step: str) -> None:
        """Take in what the work says of itself."""
        counts = _COUNTS.findall(step)
        if not counts:
            # Of something else, so that what was at its end is through.
            self._counts = [one for one in self._counts if one.now < one.key[0]]
        for now, of, what in counts:
            self._count(int(now), (int(of), what))

    def left(self) -> Optional[float]:
        """Seconds until what is counted is through; None if nothing tells."""
        known = (count.left(self._clock()) for count in self._counts)
        return next((seconds for seconds in known if seconds is not None), None)

    def share(self) -> Tuple[float, Optional[float]]:
        """How much of the outermost count is done, and of how much, or None."""
        if not self._counts:
            return 0.0, None
        outer = self._counts[0]
        of, what = outer.key
        return float(outer.now - (what != _DONE)), float(of)

    def _count(self, now: int, key: Tuple[int, str]) -> None:
        clock = self._clock()
        for place, known in enumerate(self._counts):
            if known.key != key:
                continue
            if now == known.now:
                return
            del self._counts[place + 1 :]
            if now > known.now:
                known.now, known.at = now, clock
            else:
                self._counts[place] = _Count(key, now, clock, now, clock)
            return
        # What is through holds nothing else.
        self._counts = [one for one in self._counts if one.now < one.key[0] or one.key[1] != _DONE]
        self._counts.append(_Count(key, now, clock, now, clock))


def duration(seconds: float) -> str:
    """Return ``0:07``, ``12:30`` or ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def told_left(pace: Pace) -> str:
    """Return how long what is counted will take, or that nothing tells."""
    left = pace.left()
    return "" if left is None else f"about {duration(left)} left of this step"


@contextmanager
def progress(title: str, first: Optional[float] = None) -> Iterator[Show]:
    """Tell on standard error what is going on, how far it is, and what time is left.

    On a terminal that is a line which changes, with a bar that a count fills, such as ``64 of 300
    inputs``; elsewhere a line now and then, and none for what is over before the first.

    Args:
        title: What is done.
        first: Seconds until the first line where there is no terminal; `FIRST` if None.
    """
    pace = Pace()
    teller = (
        _on_terminal(title, pace)
        if sys.stderr.isatty()
        else _in_log(title, pace, FIRST if first is None else first)
    )
    with teller as show:
        yield show


@contextmanager
def _on_terminal(title: str, pace: Pace) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        """What time is left; told anew whenever the line is drawn."""

        def render(self, task: Task) -> Text:
            """Return the text."""
            return Text(told_left(pace))

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), TimeElapsedColumn(), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        # How long a factorisation takes is not known beforehand: then the bar only moves.
        task = bar.add_task(title, total=None)

        def show(step: str) -> None:
            pace.hear(step)
            # `update` takes no total of None for an answer.
            done, bar.tasks[task].total = pace.share() if _COUNTS.search(step) else (0.0, None)
            bar.update(task, description=f"{title}: {step}", completed=done)

        yield show


@contextmanager
def _in_log(title: str, pace: Pace, first: float) -> Iterator[Show]:
    steps = [""]
    over = threading.Event()

    def tell() -> None:
        wait = first
        while not over.wait(wait):
            told = ", ".join(part for part in (steps[0], told_left(pace)) if part)
            # Whoever reads the log may have gone.
            with suppress(OSError, ValueError):
                print(f"{title}: {told or 'begun'} ({duration(pace.elapsed)})", file=sys.stderr)
                sys.stderr.flush()
            wait = min(max(first, pace.elapsed / 10), max(first, LONGEST))

    def show(step: str) -> None:
        pace.hear(step)
        steps[0] = step

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield show
    finally:
        over.set()
        thread.join()
