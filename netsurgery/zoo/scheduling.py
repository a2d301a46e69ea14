"""Who runs the tasks of a batch: the protocol, and the one that runs them on this machine."""

from __future__ import annotations

import queue
import threading
from typing import Callable, Iterator, Optional, Protocol, Sequence, Tuple, Union

from netsurgery.errors import NetsurgeryError
from netsurgery.linalg import thread_count
from netsurgery.zoo.outcome import Outcome
from netsurgery.zoo.running import lost, run_task
from netsurgery.zoo.task import BatchTask

OnBegin = Callable[[BatchTask], object]


def nobody(task: BatchTask) -> None:
    """Listen to nothing."""


class Scheduler(Protocol):
    """Has tasks run, each once, by `run_task`."""

    @property
    def workers(self) -> int:
        """How many run at once."""

    def run(self, tasks: Sequence[BatchTask], begins: OnBegin = nobody) -> Iterator[Outcome]:
        """Yield what came of each task, as they end.

        Args:
            tasks: The tasks.
            begins: Told when one begins, where that is known; from any thread.
        """


class LocalScheduler:
    """Runs tasks on this machine, a few at once, the longest first.

    Args:
        workers: How many at once; as many as there are cores if None.
    """

    def __init__(self, workers: Optional[int] = None) -> None:
        self._cores = thread_count()
        self._workers = workers or self._cores

    @property
    def workers(self) -> int:
        """How many run at once."""
        return self._workers

    @property
    def threads_each(self) -> Optional[int]:
        """How many threads the linear algebra of each task gets; None: those of this machine.

        It does not depend on how many tasks there are: sums of other threads round otherwise, and
        a batch that goes on is to give what one gives that nobody stopped.
        """
        return None if self._workers == 1 else max(1, self._cores // self._workers)

    def run(self, tasks: Sequence[BatchTask], begins: OnBegin = nobody) -> Iterator[Outcome]:
        """Yield what came of each task, as they end; see `Scheduler`."""
        # A long one that began last would run alone at the end.
        waiting = iter(sorted(tasks, key=lambda task: -task.effort))
        threads = self.threads_each
        lock, over = threading.Lock(), threading.Event()
        answers: queue.Queue[Tuple[BatchTask, Union[Outcome, BaseException]]] = queue.Queue()

        def work() -> None:
            while not over.is_set():
                with lock:
                    task = next(waiting, None)
                if task is None:
                    return
                try:
                    begins(task)
                    answers.put((task, run_task(task, threads)))
                except BaseException as error:  # told, or raised again, where it was asked for
                    answers.put((task, error))

        for _ in range(min(self._workers, len(tasks))):
            threading.Thread(target=work, name="zoo", daemon=True).start()
        try:
            for _ in tasks:
                yield answered(*answers.get())
        finally:
            over.set()


def answered(task: BatchTask, answer: Union[Outcome, BaseException]) -> Outcome:
    """Return what came of a task, also where nobody could run it.

    Raises:
        BaseException: The answer is an error of this program.
    """
    if isinstance(answer, Outcome):
        return answer
    if isinstance(answer, (NetsurgeryError, OSError, MemoryError)):
        return lost(task, f"could not be run: {answer}")
    raise answer
