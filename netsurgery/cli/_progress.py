"""What long work tells of itself: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import Iterator, Optional, Tuple

from netsurgery.errors import visible
from netsurgery.progress import Event, Progress, duration

BETWEEN = 10.0
"""Seconds until the first line of a log, and between two lines."""

LEAST = 2.0
"""Seconds: what takes no longer is not told before it begins."""


@contextmanager
def progress(title: str, between: Optional[float] = None) -> Iterator[Progress]:
    """Tell on standard error how long work will take, what is going on, and what time is left.

    On a terminal that is a line which changes, with a bar for the whole; elsewhere a line now and
    then, and none for what is over before the first.

    Args:
        title: What is done.
        between: Seconds between two lines where there is no terminal; `BETWEEN` if None.
    """
    work = Progress(_Herald().hear)
    if sys.stderr.isatty():
        teller = _on_terminal(title, work)
    else:
        teller = _in_log(title, work, BETWEEN if between is None else between)
    with teller:
        yield work


def about(seconds: float) -> str:
    """Return a time in words, no more exact than it is known: ``40 s``, ``3 min``, ``1.5 h``."""
    if seconds < 90:
        exact = 1 if seconds < 10 else 5 if seconds < 60 else 10
        return f"{max(1, round(seconds / exact)) * exact} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 1800) / 2:g} h"


def told_left(event: Event) -> str:
    """Return how long the work will still take, or that nothing tells."""
    return "" if event.left is None else f"about {duration(event.left)} left"


def _doing(title: str, event: Event) -> str:
    """Return what goes on, under the title of the whole, which a task may have too."""
    named = bool(event.tasks) and event.tasks[0].name == title
    return str(event) if named else f"{title}: {event}" if event.tasks else title


def _through(event: Event) -> Tuple[float, Optional[float]]:
    """Return how much is through, and of how much: of the whole, or of what is counted."""
    if event.left is not None:
        return event.seconds, event.seconds + event.left
    counted = (task for task in event.tasks if task.total is not None)
    return next(((float(task.done), task.total) for task in counted), (0.0, None))


class _Herald:
    """Tells once, before work begins, about how long it will take."""

    def __init__(self) -> None:
        self._told = False

    def hear(self, event: Event) -> None:
        if self._told or event.expected is None:
            return
        self._told = True
        if event.expected >= LEAST:
            _print(f"about {about(event.expected)} on this machine")


def _print(line: str) -> None:
    # Whoever reads the log may have gone.
    with suppress(OSError, ValueError):
        print(visible(line), file=sys.stderr)
        sys.stderr.flush()


@contextmanager
def _on_terminal(title: str, work: Progress) -> Iterator[None]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress as Bar,
        ProgressColumn,
        Task,
        TimeElapsedColumn,
    )
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    class Whole(BarColumn):
        """How much of the whole is through; told anew whenever the line is drawn."""

        def render(self, task: Task) -> ProgressBar:
            task.completed, task.total = _through(work.event)
            return super().render(task)

    class Doing(ProgressColumn):
        """What goes on."""

        def render(self, task: Task) -> Text:
            return Text(visible(_doing(title, work.event)))

    class TimeLeft(ProgressColumn):
        """What time is left."""

        def render(self, task: Task) -> Text:
            return Text(told_left(work.event))

    columns = (Doing(), Whole(), TimeElapsedColumn(), TimeLeft())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        bar.add_task(title, total=None)
        yield


@contextmanager
def _in_log(title: str, work: Progress, between: float) -> Iterator[None]:
    over = threading.Event()

    def tell() -> None:
        while not over.wait(between):
            event = work.event
            told = ", ".join(part for part in (_doing(title, event), told_left(event)) if part)
            _print(f"{told} ({duration(event.seconds)})")

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
