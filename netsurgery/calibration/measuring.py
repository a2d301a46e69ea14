"""Running models over all inputs while observers look at their values."""

from __future__ import annotations

import contextlib
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import (
    Dict,
    Hashable,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
)

import numpy as np

from netsurgery.calibration.batching import MOST_BYTES
from netsurgery.calibration.inputs import Batch, Inputs
from netsurgery.calibration.known_values import KnownValues
from netsurgery.calibration.running import Runner, common_batch
from netsurgery.calibration.session_pool import SessionPool, fit_side_by_side, turns_into
from netsurgery.engine import Engine, EngineLike, choose, gathered
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
    known: Optional[KnownValues] = None,
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
        known: What models made in other runs; they are not run for that.

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
        run = _Run(models, used, chosen, sessions, known or KnownValues(), stack)
        task = stack.enter_context((progress or silent).task("running", len(inputs), "inputs"))
        if run.goes_one_by_one(wanted_of(observers)):
            run.look_one_by_one(inputs, size, wanted_of(observers))
        for batch in inputs.batches(size):
            seen = run.look(batch, wanted_of(observers))
            for observer in observers:
                observer.add({source: seen[source] for source in observer.sources})
            task.advance(batch.count)
        task.count("forward passes", run.passes)


def wanted_of(observers: Iterable[Observer]) -> List[ObservedValue]:
    """Return what observers look at, each value once."""
    return list(dict.fromkeys(source for observer in observers for source in observer.sources))


def values_by_model(wanted: Iterable[ObservedValue]) -> Dict[int, List[Value]]:
    """Return which values of which model are looked at, by the number of the model, rising."""
    found: Dict[int, List[Value]] = {}
    for one in wanted:
        found.setdefault(one.model, []).append(one.value)
    return {number: found[number] for number in sorted(found)}


class _Run:
    """Models that run over inputs; each is opened when something of it is not known.

    Attributes:
        passes: How many inputs were run, of each model that ran.
    """

    def __init__(
        self,
        models: Sequence[Model],
        used: Sequence[int],
        engine: Engine,
        sessions: SessionPool,
        known: KnownValues,
        stack: contextlib.ExitStack,
    ) -> None:
        """Take what is there; sessions and threads are given back with ``stack``."""
        some = [models[number] for number in used]
        for model in some:
            known.expect(model)
        self._crowded = not fit_side_by_side(some)
        self._in_turn = self._crowded and turns_into(engine, some)
        self._ahead: List[Seen] = []
        self.known, self.passes = known, 0
        self._models, self._engine, self._sessions = models, engine, sessions
        self._stack = stack
        self._runners: Dict[int, Runner] = {}
        self._pool: Optional[Executor] = None

    def goes_one_by_one(self, wanted: Sequence[ObservedValue]) -> bool:
        """Whether models are too large to be open side by side, and one does not become the other.

        Observers that look at whole values look at the same in each batch, so that these can be had
        ahead.
        """
        return self._crowded and not self._in_turn and all(one.at is None for one in wanted)

    def look_one_by_one(self, inputs: Inputs, size: int, wanted: Sequence[ObservedValue]) -> None:
        """Run one model over all batches before the next one takes its place."""
        self._ahead = [{} for _ in inputs.batches(size)]
        for number in values_by_model(wanted):
            mine = [one for one in wanted if one.model == number]
            with self._sessions.open(self._engine, [self._models[number]]) as (runner,):
                for batch, seen in zip(inputs.batches(size), self._ahead):
                    seen.update(_look(runner, batch, mine, number))
                    self.passes += batch.count

    def look(self, batch: Batch, wanted: Sequence[ObservedValue]) -> Seen:
        """Return values for a batch."""
        if self._ahead:
            return self._ahead.pop(0)
        seen: Seen = {}
        for one in wanted:
            found = self.known.find(self._models[one.model], batch, self._asked(one))
            if found is not None:
                seen[one] = found
        missing = [one for one in wanted if one not in seen]
        for one, array in self._make(batch, missing):
            self.known.keep(self._models[one.model], batch, self._asked(one), array)
            seen[one] = array
        return seen

    def _asked(self, one: ObservedValue) -> Hashable:
        return self._engine.name, one.value, one.at

    def _make(
        self, batch: Batch, missing: Sequence[ObservedValue]
    ) -> List[Tuple[ObservedValue, np.ndarray]]:
        """Run all models that are needed at the same time: each is in a process of its own."""
        numbers = list(values_by_model(missing))
        self.passes += batch.count * len(numbers)
        if self._in_turn:
            return self._make_in_turn(batch, missing)
        self._open([number for number in numbers if number not in self._runners])

        def look(number: int) -> List[Tuple[ObservedValue, np.ndarray]]:
            return _look(self._runners[number], batch, missing, number)

        if len(numbers) < 2:
            return [pair for number in numbers for pair in look(number)]
        if self._pool is None:
            self._pool = self._stack.enter_context(ThreadPoolExecutor(len(numbers)))
        return [pair for found in self._pool.map(look, numbers) for pair in found]

    def _make_in_turn(
        self, batch: Batch, missing: Sequence[ObservedValue]
    ) -> List[Tuple[ObservedValue, np.ndarray]]:
        """Run models one after another, as each becomes the next by new weights."""
        found: List[Tuple[ObservedValue, np.ndarray]] = []
        for number in values_by_model(missing):
            with self._sessions.open(self._engine, [self._models[number]]) as (runner,):
                found += _look(runner, batch, missing, number)
        return found

    def _open(self, numbers: Sequence[int]) -> None:
        if numbers:
            models = [self._models[number] for number in numbers]
            opened = self._stack.enter_context(self._sessions.open(self._engine, models))
            self._runners.update(zip(numbers, opened))


def _look(
    runner: Runner, batch: Batch, wanted: Iterable[ObservedValue], number: int
) -> List[Tuple[ObservedValue, np.ndarray]]:
    """Return what is wanted of the model of a number."""
    mine = [source for source in wanted if source.model == number]
    looks = [(one.value, None if one.at is None else one.at.numbers) for one in mine]
    return list(zip(mine, runner.look(batch, looks)))
