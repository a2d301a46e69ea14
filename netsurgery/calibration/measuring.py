"""Running models over all inputs while observers look at their values."""

from __future__ import annotations

import contextlib
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Dict, Iterable, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from netsurgery.calibration.batching import MOST_BYTES
from netsurgery.calibration.inputs import Batch, Inputs
from netsurgery.calibration.running import Runner, common_batch
from netsurgery.calibration.session_pool import SessionPool
from netsurgery.engine import EngineLike, choose, gathered
from netsurgery.network import Model, Value
from netsurgery.progress import Progress, silent


class Positions:
    """Where values are looked at; those are equal that say the same.

    Attributes:
        numbers: Numbers in the axes behind the channels, counted along rows, rising, each once;
            int32.
    """

    def __init__(self, numbers: np.ndarray) -> None:
        """Take the numbers."""
        self.numbers = np.ascontiguousarray(numbers, np.int32)
        self._key = self.numbers.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Positions) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


class ObservedValue(NamedTuple):
    """A value of one of the models that run side by side.

    Attributes:
        value: The value.
        model: The number of the model.
        at: Where it is looked at: it is of shape (N, C, positions) then; None: it is whole.
    """

    value: Value
    model: int = 0
    at: Optional[Positions] = None

    def cut(self, array: np.ndarray) -> np.ndarray:
        """Return what is looked at of the whole value."""
        return array if self.at is None else gathered(array, self.at.numbers)


Seen = Dict[ObservedValue, np.ndarray]


class Observer(Protocol):
    """What looks at values while models run."""

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """The values it looks at in the next batch: the same until it took that in."""

    def add(self, seen: Seen) -> None:
        """Take in the values of a batch, without the rows of repeated samples."""


def measure(
    models: Sequence[Model],
    inputs: Inputs,
    observers: Sequence[Observer],
    engine: EngineLike = None,
    progress: Optional[Progress] = None,
    sessions: Optional[SessionPool] = None,
    most_bytes: float = MOST_BYTES,
) -> None:
    """Run models side by side over all inputs, once, and show every batch to the observers.

    Args:
        models: The models; all are fed the same.
        inputs: What they are fed.
        observers: What looks at them.
        engine: The engine or its name; the first that can run the models if None.
        progress: Told how many inputs were run.
        sessions: Where models stay open for the next run.
        most_bytes: What all blobs of a model may take; says how many inputs run at a time.

    Raises:
        EngineError: There is no engine, or it refuses a model.
        VerificationError: A model takes other inputs.
    """
    values = values_by_model(wanted_of(observers))
    used = list(values)
    networks = [models[number].network() for number in used]
    chosen = choose(engine, networks)
    wanted = list(values.values())
    size, _ = common_batch(inputs, *networks, most_bytes=most_bytes, wanted=wanted)
    with contextlib.ExitStack() as stack:
        if sessions is None:
            sessions = stack.enter_context(SessionPool())
        opened = stack.enter_context(sessions.open(chosen, [models[number] for number in used]))
        pool = stack.enter_context(ThreadPoolExecutor(len(used)))
        runners = dict(zip(used, opened))
        task = stack.enter_context((progress or silent).task("running", len(inputs), "inputs"))
        for batch in inputs.batches(size):
            seen = _run(runners, batch, wanted_of(observers), pool)
            for observer in observers:
                observer.add({source: seen[source] for source in observer.sources})
            task.advance(batch.count)


def wanted_of(observers: Iterable[Observer]) -> List[ObservedValue]:
    """Return what observers look at, each value once."""
    return list(dict.fromkeys(source for observer in observers for source in observer.sources))


def values_by_model(wanted: Iterable[ObservedValue]) -> Dict[int, List[Value]]:
    """Return which values of which model are looked at, by the number of the model, rising."""
    found: Dict[int, List[Value]] = {}
    for one in wanted:
        found.setdefault(one.model, []).append(one.value)
    return {number: found[number] for number in sorted(found)}


def _run(
    runners: Dict[int, Runner], batch: Batch, wanted: List[ObservedValue], pool: Executor
) -> Seen:
    """Run all models at the same time: each computes in a process of its own."""

    def run(number: int) -> List[Tuple[ObservedValue, np.ndarray]]:
        mine = [source for source in wanted if source.model == number]
        looks = [(one.value, None if one.at is None else one.at.numbers) for one in mine]
        return list(zip(mine, runners[number].look(batch, looks)))

    return dict(pair for found in pool.map(run, runners) for pair in found)
