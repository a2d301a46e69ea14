"""Running models over all inputs while gauges look at their values."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np

from netsurgery.calibration.inputs import Batch, Inputs
from netsurgery.calibration.running import (
    EngineLike,
    Runner,
    choose_engine,
    common_batch,
    open_model,
)
from netsurgery.network.graph import Value
from netsurgery.network.model import Model

Progress = Optional[Callable[[str], None]]


class Source(NamedTuple):
    """A value of one of the models that run side by side.

    Attributes:
        value: The value.
        model: The number of the model.
    """

    value: Value
    model: int = 0


Seen = Dict[Source, np.ndarray]


class Gauge(Protocol):
    """What looks at values while models run."""

    @property
    def sources(self) -> Iterable[Source]:
        """The values it looks at."""

    def add(self, seen: Seen) -> None:
        """Take in the values of a batch, without the rows of repeated samples."""


def measure(
    models: Sequence[Model],
    inputs: Inputs,
    gauges: Sequence[Gauge],
    engine: EngineLike = None,
    progress: Progress = None,
) -> None:
    """Run models side by side over all inputs, once, and show every batch to the gauges.

    Args:
        models: The models; all are fed the same.
        inputs: What they are fed.
        gauges: What looks at them.
        engine: The engine or its name; the first that can run the models if None.
        progress: Called with a text for each batch.

    Raises:
        EngineError: There is no engine, or it refuses a model.
        VerificationError: A model takes other inputs.
    """
    wanted = list(dict.fromkeys(source for gauge in gauges for source in gauge.sources))
    used = sorted({source.model for source in wanted})
    networks = [models[number].network() for number in used]
    chosen = choose_engine(engine, *networks)
    size, _ = common_batch(inputs, *networks)
    with ExitStack() as stack:
        runners = {n: stack.enter_context(open_model(chosen, models[n])) for n in used}
        for number, batch in enumerate(inputs.batches(size)):
            if progress:
                progress(f"{min(number * size, len(inputs))} of {len(inputs)} inputs")
            seen = _run(runners, batch, wanted)
            for gauge in gauges:
                gauge.add({source: seen[source] for source in gauge.sources})


def _run(runners: Dict[int, Runner], batch: Batch, wanted: List[Source]) -> Seen:
    seen: Seen = {}
    for number, runner in runners.items():
        mine: List[Tuple[str, Source]] = [
            (str(source.value), source) for source in wanted if source.model == number
        ]
        arrays = runner.run(batch, {name: source.value for name, source in mine})
        seen.update((source, arrays[name]) for name, source in mine)
    return seen
