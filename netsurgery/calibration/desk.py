"""Models that stay open in their engine between one run and the next."""

from __future__ import annotations

import contextlib
from typing import Callable, Iterator, List, NamedTuple, Sequence

from netsurgery.calibration.running import Runner, load_model, users_names
from netsurgery.engines import Engine
from netsurgery.network.model import Model

LARGE = 64e6
"""Bytes of weights beyond which a model does not stay open: it takes memory, and loading it takes
longer than starting a process."""


class _Open(NamedTuple):
    engine: Engine
    model: Model
    runner: Runner


class Desk:
    """Keeps child processes of engines, and the models that are open in them.

    To start a process takes longer than to load a small net; and a model that is wanted again, as
    the original is for every layer that is fitted to it, is not loaded twice.
    """

    def __init__(self) -> None:
        self._idle: List[_Open] = []

    @contextlib.contextmanager
    def open(self, engine: Engine, models: Sequence[Model]) -> Iterator[List[Runner]]:
        """Open models side by side for the time of a ``with``.

        Raises:
            EngineError: The engine refuses a model, or gives up.
        """
        self._close(lambda one: one.engine is not engine)
        spare, self._idle = self._idle, []
        with contextlib.ExitStack() as stack:
            for one in spare:
                stack.callback(one.runner.session.close)
            found = {}
            for number, model in enumerate(models):
                same = [one for one in spare if one.model is model]
                if same:
                    found[number] = same[0]
                    spare.remove(same[0])
            for number, model in enumerate(models):
                if number not in found:
                    session = spare.pop().runner.session if spare else None
                    runner = load_model(engine, model, session)
                    stack.callback(runner.session.close)
                    found[number] = _Open(engine, model, runner)
            runners = [found[number].runner for number in range(len(models))]
            with users_names(runners):
                yield runners
            stack.pop_all()
        self._idle = [*spare, *found.values()]
        self._close(lambda one: _is_large(one.model))

    def close(self) -> None:
        """End all child processes."""
        self._close(lambda one: True)

    def _close(self, which: Callable[[_Open], bool]) -> None:
        for one in self._idle:
            if which(one):
                one.runner.session.close()
        self._idle = [one for one in self._idle if not which(one)]


def _is_large(model: Model) -> bool:
    return model.weights is not None and model.weights.size() > LARGE
