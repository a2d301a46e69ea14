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
from netsurgery.engine import EngineLike, choose
from netsurgery.network import Model, Value
from netsurgery.progress import Progress


class ObservedValue(NamedTuple):
    """A value of one of the models that run side by side.

    Attributes:
        value: The value.
        model: The number of the model.
    """

    value: Value
    model: int = 0


Seen = Dict[ObservedValue, np.ndarray]


class Observer(Protocol):
    """What looks at values while models run."""

    @property
    def sources(self) -> Iterable[ObservedValue]:
        """The values it looks at."""

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
        progress: Called with a text for each batch.
        sessions: Where models stay open for the next run.
        most_bytes: What all blobs of a model may take; says how many inputs run at a time.

    Raises:
        EngineError: There is no engine, or it refuses a model.
        VerificationError: A model takes other inputs.
    """
    wanted = wanted_of(observers)
    used = sorted({source.model for source in wanted})
    networks = [models[number].network() for number in used]
    chosen = choose(engine, networks)
    size, _ = common_batch(inputs, *networks, most_bytes=most_bytes)
    with contextlib.ExitStack() as stack:
        if sessions is None:
            sessions = stack.enter_context(SessionPool())
        opened = stack.enter_context(sessions.open(chosen, [models[number] for number in used]))
        pool = stack.enter_context(ThreadPoolExecutor(len(used)))
        runners = dict(zip(used, opened))
        for number, batch in enumerate(inputs.batches(size)):
            if progress:
                progress(f"{min(number * size, len(inputs))} of {len(inputs)} inputs")
            seen = _run(runners, batch, wanted, pool)
            for observer in observers:
                observer.add({source: seen[source] for source in observer.sources})


def wanted_of(observers: Iterable[Observer]) -> List[ObservedValue]:
    """Return what observers look at, each value once."""
    return list(dict.fromkeys(source for observer in observers for source in observer.sources))


def _run(
    runners: Dict[int, Runner], batch: Batch, wanted: List[ObservedValue], pool: Executor
) -> Seen:
    """Run all models at the same time: each computes in a process of its own."""

    def run(number: int) -> List[Tuple[ObservedValue, np.ndarray]]:
        mine = [source for source in wanted if source.model == number]
        arrays = runners[number].run(batch, {str(source.value): source.value for source in mine})
        return [(source, arrays[str(source.value)]) for source in mine]

    return dict(pair for found in pool.map(run, runners) for pair in found)
