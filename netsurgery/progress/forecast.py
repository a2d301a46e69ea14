"""How long the whole of a job will take: expected before it begins, and told while it goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

Path = Tuple[str, ...]

_DOUBT = 0.1
"""Share of the whole that has to be through for what it took to tell as much as the forecast."""
_OWN = 0.2
"""Share of a task that has to be through for its own pace to tell as much as the forecast."""
_SPREAD = 0.6
"""Standard deviation of the logarithm of what a task takes, of which nothing else is known."""

_LATE = 0.1
"""What is left of it at the least, as a share of what it took: however late it is, it goes on."""


@dataclass(frozen=True)
class Forecast:
    """What the tasks of a job are expected to take.

    Attributes:
        seconds: By path, ``("planning", "trials")``, in the order in which they come. None stands
            within another; all together are the whole.
    """

    seconds: Mapping[Path, float]

    @property
    def total(self) -> float:
        """Seconds of the whole."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class TaskTime:
    """How far a task is.

    Attributes:
        seconds: What it took so far.
        runs: Whether it goes on.
        share: How much of what it does at once is through; None where it is not counted.
        head: What it took until the first of what is counted was through: with it come the start of
            an engine, and what is learnt for all.
        first: The share that this first one was.
    """

    seconds: float
    runs: bool = False
    share: Optional[float] = None
    head: float = 0.0
    first: float = 0.0

    @property
    def rest(self) -> Optional[float]:
        """Seconds that are left by its own pace, which is that behind its head; None if unknown."""
        if self.share is None or self.share <= self.first:
            return None
        pace = (self.seconds - self.head) / (self.share - self.first)
        return pace * max(1.0 - self.share, 0.0)

    @property
    def trust(self) -> float:
        """How much that tells beside the forecast: all if 1, nothing if 0."""
        behind = max((self.share or 0.0) - self.first, 0.0)
        return behind / (behind + _OWN)


def seconds_left(forecast: Forecast, known: Mapping[Path, TaskTime]) -> float:
    """Return how long a job will take from here.

    What was through so far tells by how much this machine, busy as it is, is slower than was
    expected; a task that is counted tells its own pace, the more of it is through.

    Args:
        forecast: What was expected.
        known: The tasks that were begun. One that comes before a begun one and is not among them
            is taken not to come any more.
    """
    paths = list(forecast.seconds)
    begun = [place for place, path in enumerate(paths) if path in known]
    latest = max(begun, default=-1)
    pace = _pace(forecast, known)
    left = 0.0
    for place, path in enumerate(paths):
        expected, task = forecast.seconds[path], known.get(path)
        if task is not None and task.runs:
            left += _of_running(expected * pace, task)
        elif task is None and place > latest:
            left += expected * pace
    return left


def _pace(forecast: Forecast, known: Mapping[Path, TaskTime]) -> float:
    """How many seconds a second of the forecast takes.

    A task that is through tells it, the more the longer it was expected to take; one that goes on,
    as far as its own pace is known; or, where it is not, that it takes longer by now than was
    expected.
    """
    took = expected = _DOUBT * forecast.total
    overdue = []
    for path, seconds in forecast.seconds.items():
        task = known.get(path)
        if task is None:
            continue
        rest = task.rest if task.runs else 0.0
        if rest is None:
            overdue.append((task.seconds, seconds))
        elif task.seconds:
            trust = task.trust if task.runs else 1.0
            through = task.seconds / (task.seconds + rest)
            took, expected = took + trust * task.seconds, expected + trust * through * seconds
    pace = took / expected if expected else 1.0
    for seconds, planned in overdue:
        if seconds > planned * pace:
            took, expected = took + seconds, expected + planned
            pace = took / expected
    return pace


def _of_running(expected: float, task: TaskTime) -> float:
    """What is left of a task that goes on: by what was expected, and by its own pace."""
    still, rest = _still(expected, task.seconds), task.rest
    if task.share is not None:
        still = min(still, max(expected, task.seconds) * max(1.0 - task.share, 0.0))
    return still if rest is None else task.trust * rest + (1 - task.trust) * still


def _still(expected: float, took: float) -> float:
    """What is left of a task that took so long by now.

    As likely more as less, if the logarithm of what it takes in all is normal about what was
    expected: a task that takes longer than that is taken to go on for a good while.
    """
    if not took or not expected:
        return expected
    from statistics import NormalDist  # which loads fractions and decimals: 4 ms of every start

    normal = NormalDist(math.log(expected), _SPREAD)
    over = normal.cdf(math.log(took))
    likely = (1 + over) / 2
    whole = math.exp(normal.inv_cdf(likely)) if likely < 1 else took
    return max(whole - took, _LATE * took)
