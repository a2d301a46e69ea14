"""How long a job will take on this machine: worked out, and corrected by what earlier ones took."""

from __future__ import annotations

import math
import os
import platform
import time
from contextlib import contextmanager
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

import numpy as np

from netsurgery.errors import NetsurgeryError
from netsurgery.progress import Forecast, Progress, Timing

if TYPE_CHECKING:
    from netsurgery.jobs.names import PathLike
    from netsurgery.measurements import MeasurementStore

Path = Tuple[str, ...]

FILE = "durations.json"
"""In the folder of the cache."""
KEPT = 16
"""Runs of a task that are remembered, the latest ones."""
SHORT = 1.0
"""Seconds: a job that takes less is neither told of nor learnt from."""
NEAR = 0.05
"""Of runs as long as this one or nearly so, each tells as much: a difference of the logarithms."""

_SIZE = 256
_REFERENCE = 2.8e-4
"""Seconds that a product of two square matrices of that size takes where the figures are from."""
_PROBE, _SHARE = 0.1, 0.02
"""Seconds that the machine is looked at, and the most that this may be of a job. Processes take
turns of some milliseconds: in less time one sees too few of them."""
_SLOWEST, _BUSIEST = 10.0, 20.0


class Machine(NamedTuple):
    """What a machine is like for work.

    Attributes:
        slower: How many times as long it takes as the one of the figures, if it does nothing else.
        others: And how many times again, as other processes hold its processors: what a second of
            processor time takes.
    """

    slower: float = 1.0
    others: float = 1.0


def look_at_machine(
    most: float = _PROBE,
    clock: Callable[[], float] = time.perf_counter,
    processor: Callable[[], float] = time.thread_time,
) -> Machine:
    """Return what this machine is like now.

    What a process gets of it depends on priorities and on limits of its group, which no load
    average tells; so it is tried.

    Args:
        most: Seconds in which it multiplies matrices, once at least.
        clock: Tells the time.
        processor: Tells the processor time of this thread.
    """
    matrix = np.ones((_SIZE, _SIZE), np.float32)
    matrix @ matrix  # the first one starts threads
    times: List[float] = []
    began, used = clock(), processor()
    while not times or clock() - began < most:
        before = clock()
        matrix @ matrix
        times.append(clock() - before)
    seconds, used = clock() - began, processor() - used
    usual = sorted(times)[len(times) // 2]  # of which none waits for others
    slower = min(max(usual / _REFERENCE, 1 / _SLOWEST), _SLOWEST)
    return Machine(slower, min(max(seconds / used, 1.0), _BUSIEST) if used > 0 else 1.0)


class Durations:
    """What tasks took on this machine, beside what was worked out for them."""

    def __init__(self, folder: Optional[PathLike]) -> None:
        """Read what is known; a file that cannot be read tells nothing, and is left alone.

        Args:
            folder: The folder of the cache; None for none.
        """
        self._store: Optional[MeasurementStore] = None
        if folder is not None:
            from netsurgery.measurements import open_store

            try:
                self._store = open_store(os.path.join(folder, FILE))
            except NetsurgeryError:
                self._store = None

    def corrected(
        self, job: str, worked_out: Mapping[Path, float], slower: float, others: float = 1.0
    ) -> Forecast:
        """Return what tasks will take, by what they took, and by the machine where that is unknown.

        Args:
            job: The name of the job.
            worked_out: Seconds of its tasks on the machine of the figures.
            slower: How many times as long this machine takes.
            others: And how many times again, as it does other things.
        """
        return Forecast(
            {
                path: seconds * (self._factor(job, path, seconds) or slower) * others
                for path, seconds in worked_out.items()
            }
        )

    def learn(
        self, job: str, worked_out: Mapping[Path, float], timing: Timing, others: float = 1.0
    ) -> None:
        """Write down what tasks took; without a word where that cannot be written.

        Args:
            job: The name of the job.
            worked_out: Seconds of its tasks on the machine of the figures.
            timing: What they took.
            others: How many times as long, as the machine did other things.
        """
        if self._store is None or timing.seconds < SHORT:
            return
        for path, seconds in worked_out.items():
            took = took_of(timing, path)
            if took is None or not seconds > 0 or not took > 0:
                continue
            key = _key(job, path)
            runs = self._runs(key)
            runs = np.vstack([runs, [[seconds, took / others]]])[-KEPT:]
            try:
                self._store.keep(key, {"runs": runs}, f"{job}: {', '.join(path)}")
            except NetsurgeryError:
                return

    def _runs(self, key: str) -> np.ndarray:
        found = (self._store.find(key) or {}).get("runs") if self._store else None
        if found is None or found.ndim != 2 or found.shape[1] != 2 or not (found > 0).all():
            return np.zeros((0, 2))
        return found

    def _factor(self, job: str, path: Path, seconds: float) -> Optional[float]:
        """By how much more it took: a mean of logarithms, the nearer a run the more it tells."""
        if self._store is None or not seconds > 0:
            return None
        runs = self._runs(_key(job, path))
        if not len(runs):
            return None
        apart = np.abs(np.log(runs[:, 0] / seconds))
        # Of equals, the latest tell most.
        weights = 1.1 ** np.arange(len(runs)) / np.square(np.maximum(apart, NEAR))
        return float(np.exp(np.average(np.log(runs[:, 1] / runs[:, 0]), weights=weights)))


def took_of(timing: Timing, path: Path) -> Optional[float]:
    """Return what a task took in all, or None where it was not done."""
    for name in path:
        found = timing.tasks.get(name)
        if found is None:
            return None
        timing = found
    return timing.seconds


@contextmanager
def told_beforehand(
    progress: Progress, job: str, worked_out: Mapping[Path, float], cache: Optional[PathLike]
) -> Iterator[None]:
    """Tell how long a job will take, and learn what it took.

    Args:
        progress: Told.
        job: The name of the job.
        worked_out: Seconds of its tasks on the machine of the figures.
        cache: The folder in which is kept what jobs took; None keeps nothing.
    """
    durations = Durations(cache)
    before: Dict[Path, float] = dict(worked_out)
    whole, machine = sum(before.values()), Machine()
    if whole > SHORT / _SLOWEST:
        machine = look_at_machine(min(_PROBE, _SHARE * whole))
    forecast = durations.corrected(job, before, machine.slower, machine.others)
    progress.expect(forecast if forecast.total else None)
    yield
    timings = progress.timings
    if timings.seconds < SHORT:
        return
    # In between it was as busy as at both ends, on an average of factors.
    again = look_at_machine(min(_PROBE, _SHARE * timings.seconds))
    durations.learn(job, before, timings, math.sqrt(machine.others * again.others))


def _key(job: str, path: Path) -> str:
    from netsurgery.jobs.workload import FIGURES
    from netsurgery.measurements import digest_of

    return digest_of("seconds", FIGURES, job, path, platform.node(), os.cpu_count())
