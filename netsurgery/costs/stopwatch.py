"""How long a net takes in an engine, as little as other company on the machine adds to it."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.calibration import in_words_of, input_shapes, place_weights, random_inputs, renamed
from netsurgery.engine import Engine, Session
from netsurgery.errors import EngineError
from netsurgery.formats import scratch_folder
from netsurgery.network import Model, in_stock_form

SPAN = 0.2
"""Seconds for which a net is run again and again: what is short is more often disturbed."""
_FEWEST, _MOST = 5, 200
SESSIONS = 3
"""How often two nets are opened anew: where their memory happens to lie makes a difference."""
_TURNS = 3
"""How often they take turns each time."""
_PAUSE = 0.05
"""Seconds in which the threads of the net before come to rest: they wait for work awake."""


class Times(NamedTuple):
    """Seconds of a forward pass of two nets."""

    before: float
    after: float

    @property
    def share(self) -> float:
        """What the second takes of the time of the first."""
        return self.after / self.before


class Stopwatch:
    """Times nets one after another in one child process of an engine.

    Attributes:
        engine: The engine.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._session: Optional[Session] = None

    def time(self, model: Model, anew: bool = False) -> float:
        """Return the least seconds of some forward passes: the others only had more company.

        Args:
            model: The net with its weights; it is run on random inputs of the shapes it declares.
            anew: Start another child process for it.

        Raises:
            EngineError: The engine refuses the net, or gave up.
        """
        if anew:
            self.close()
        # Whatever comes of it, the session that was open is over.
        before, self._session = self._session, None
        self._session = open_as_it_is(self.engine, model, before)
        return least_seconds(self._session, inputs_of(model))

    def close(self) -> None:
        """End the child process, if there is one."""
        if self._session is not None:
            self._session.close()
            self._session = None


def in_turn(engine: Engine, before: Model, after: Model) -> Times:
    """Time two nets in turn, so that what else goes on meets both.

    Args:
        engine: What runs them.
        before: A net with its weights.
        after: Another one.

    Returns:
        The medians over all turns of the least seconds of each turn.

    Raises:
        EngineError: The engine refuses a net, or gave up.
    """
    turns: Tuple[List[float], List[float]] = ([], [])
    inputs = [inputs_of(net) for net in (before, after)]
    for _ in range(SESSIONS):
        with open_as_it_is(engine, before) as first, open_as_it_is(engine, after) as second:
            for _ in range(_TURNS):
                for number, session in enumerate((first, second)):
                    time.sleep(_PAUSE)
                    turns[number].append(least_seconds(session, inputs[number], SPAN / 2))
    return Times(*map(statistics.median, turns))


def open_as_it_is(engine: Engine, model: Model, before: Optional[Session] = None) -> Session:
    """Open a model in an engine, with layers that compute in place where it has some.

    Args:
        engine: The engine.
        model: The model.
        before: A session whose child process is to be taken.

    Raises:
        EngineError: The engine refuses the model.
    """
    with scratch_folder() as folder:
        prototxt = Path(folder) / "net.prototxt"
        network = in_stock_form(model.network())
        plain = in_words_of(engine, network, network.prototxt, model.weights)
        prototxt.write_bytes(plain.prototxt.data)
        weights = place_weights(plain.weights, network, engine, Path(folder))
        try:
            if before is None:
                return engine.open(prototxt, weights)
            return engine.reopen(before, prototxt, weights)
        except EngineError as error:
            raise renamed(error, str(prototxt), model.network()) from None


def inputs_of(model: Model) -> Dict[str, np.ndarray]:
    """Return random inputs of the shapes that a net declares.

    Raises:
        NetsurgeryError: It declares none.
    """
    network = model.network()
    size = next(iter(input_shapes(network).values()))[0]
    return dict(next(random_inputs(network, 1).batches(size)).inputs)


def least_seconds(session: Session, inputs: Dict[str, np.ndarray], span: float = SPAN) -> float:
    """Return the least seconds of the forward passes of about so long a time.

    Raises:
        EngineError: The engine gave up.
    """
    first = min(session.time(1, inputs))
    repeats = int(min(max(span / max(first, 1e-9), _FEWEST), _MOST))
    return min(first, *session.time(repeats, inputs))
