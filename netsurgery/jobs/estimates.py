"""How long a job will take on this machine: worked out, and corrected by what earlier ones took."""

from __future__ import annotations

import os
import platform
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

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
_PROBE, _SHARE = 0.03, 0.02
"""Seconds that the machine is looked at, and the most that this may be of a job."""
_SLOWEST = 10.0


def speed(most: float = _PROBE, clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how many times as long this machine takes as the one of the figures.

    Args:
        most: Seconds in which it multiplies matrices, once at least.
        clock: Tells the time.
    """
    matrix = np.ones((_SIZE, _SIZE), np.float32)
    matrix @ matrix  # the first one starts threads
    times: List[float] = []
    began = clock()
    while not times or clock() - began < most:
        before = clock()
        matrix @ matrix
        times.append(clock() - before)
    usual = sorted(times)[len(times) // 2]
    return min(max(usual / _REFERENCE, 1 / _SLOWEST), _SLOWEST)


def busy() -> float:
    """Return how many times as long it takes as on an idle machine, by what else waits for it.

    It is told by the load average of the last minute, where there is one.
    """
    try:
        waiting = os.getloadavg()[0]
    except (AttributeError, OSError):
        return 1.0
    return max(1.0, (waiting + 1.0) / (os.cpu_count() or 1))


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
    slower, others = 1.0, busy()
    whole = sum(before.values())
    if whole * others > SHORT / _SLOWEST:
        slower = speed(min(_PROBE, _SHARE * whole))
    forecast = durations.corrected(job, before, slower, others)
    progress.expect(forecast if forecast.total else None)
    yield
    durations.learn(job, before, progress.timings, others)


def _key(job: str, path: Path) -> str:
    from netsurgery.jobs.workload import FIGURES
    from netsurgery.measurements import digest_of

    return digest_of("seconds", FIGURES, job, path, platform.node(), os.cpu_count())
