"""How long a net takes in an engine, as little as other company on the machine adds to it."""

from __future__ import annotations

import statistics
import time
from typing import Dict, List, NamedTuple, Tuple

import numpy as np

from netsurgery.calibration import SessionPool, input_shapes, random_inputs
from netsurgery.engine import Engine, Session
from netsurgery.network import Model

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
        self._sessions = SessionPool()

    def time(self, model: Model, anew: bool = False) -> float:
        """Return the least seconds of some forward passes: the others only had more company.

        Args:
            model: The net with its weights; it is run on random inputs of the shapes it declares.
            anew: Start another child process for it.

        Raises:
            EngineError: The engine refuses the net, or gave up.
        """
        opened = self._sessions.open(self.engine, [model], in_place=True, fresh=anew)
        with opened as (runner,):
            return least_seconds(runner.session, inputs_of(model))

    def close(self) -> None:
        """End the child process, if there is one."""
        self._sessions.close()


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
    with SessionPool() as sessions:
        for _ in range(SESSIONS):
            with sessions.open(engine, [before, after], in_place=True, fresh=True) as runners:
                for _ in range(_TURNS):
                    for number, runner in enumerate(runners):
                        time.sleep(_PAUSE)
                        seconds = least_seconds(runner.session, inputs[number], SPAN / 2)
                        turns[number].append(seconds)
    return Times(*map(statistics.median, turns))


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
