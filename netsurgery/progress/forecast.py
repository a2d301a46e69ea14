"""How long the whole of a job will take: expected before it begins, and told while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Tuple

Path = Tuple[str, ...]

_DOUBT = 0.1
"""Share of the whole that has to be through for what it took to tell as much as the forecast."""
_OWN = 0.2
"""Share of a task that has to be through for its own pace to tell as much as the forecast."""
_LEAST = 0.2
"""What is left of a task that is not counted, at least, as a share of what it took so far."""


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
    """

    seconds: float
    runs: bool = False
    share: Optional[float] = None


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
    """How many seconds a second of the forecast takes."""
    took = expected = doubt = _DOUBT * forecast.total
    for path, seconds in forecast.seconds.items():
        task = known.get(path)
        if task is None:
            continue
        if not task.runs:
            took, expected = took + task.seconds, expected + seconds
        elif task.share is not None:
            took, expected = took + task.seconds, expected + seconds * task.share
        elif task.seconds > seconds:
            took, expected = took + task.seconds, expected + seconds
    return took / expected if doubt and expected else 1.0


def _of_running(expected: float, task: TaskTime) -> float:
    if task.share is None:
        return max(expected - task.seconds, _LEAST * task.seconds)
    if not task.share:
        return max(expected, task.seconds)
    trust = task.share / (task.share + _OWN)
    whole = trust * task.seconds / task.share + (1 - trust) * max(expected, task.seconds)
    return whole * (1 - task.share)
