"""What a batch tells while it runs: a line for each model, and on a terminal those at work."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Dict, Iterator, Sequence

from netsurgery.cli._options import say
from netsurgery.errors import visible
from netsurgery.report import told_outcome
from netsurgery.zoo import Listener

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from netsurgery.zoo import BatchTask, Outcome


class _Lines(Listener):
    """Tells a line on standard error whenever a model has ended."""

    def __init__(self) -> None:
        self._done = self._total = 0

    def planned(self, known: Sequence[Outcome], tasks: Sequence[BatchTask]) -> None:
        """Tell how many are known."""
        self._done, self._total = len(known), len(known) + len(tasks)
        if known:
            self.tell(f"{len(known)} of {self._total} models are as an earlier run left them")

    def ended(self, outcome: Outcome) -> None:
        """Tell what came of a model."""
        self._done += 1
        self.tell(f"[{self._done}/{self._total}] {told_outcome(outcome)}")

    def tell(self, line: str) -> None:
        """Write a line."""
        say(line, err=True)


class _OnTerminal(_Lines):
    """The same, above lines that change: the models at work, and how far the whole is."""

    def __init__(self, bars: Progress) -> None:
        super().__init__()
        self._bars, self._lock = bars, threading.Lock()
        self._whole = bars.add_task("models", total=None)
        self._running: Dict[str, TaskID] = {}

    def planned(self, known: Sequence[Outcome], tasks: Sequence[BatchTask]) -> None:
        """Show how many there are."""
        super().planned(known, tasks)
        self._bars.update(self._whole, total=self._total, completed=self._done)

    def began(self, task: BatchTask) -> None:
        """Show a model at work."""
        with self._lock:
            self._running[task.name] = self._bars.add_task(visible(task.name), total=None)

    def ended(self, outcome: Outcome) -> None:
        """Show that a model has ended."""
        super().ended(outcome)
        with self._lock:
            if outcome.name in self._running:
                self._bars.remove_task(self._running.pop(outcome.name))
        self._bars.update(self._whole, completed=self._done)

    def tell(self, line: str) -> None:
        """Write a line above those that change."""
        from rich.text import Text

        self._bars.console.print(Text(visible(line)))


@contextmanager
def batch_progress() -> Iterator[Listener]:
    """Tell on standard error what a batch does, for the time of a ``with``."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress as Bars,
        ProgressColumn,
        Task,
        TimeElapsedColumn,
    )
    from rich.text import Text

    class Named(ProgressColumn):
        """The name of a model: data, and no markup."""

        def render(self, task: Task) -> Text:
            return Text(task.description)

    columns = (Named(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _OnTerminal(bars)
