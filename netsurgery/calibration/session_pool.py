"""Models that stay open in their engine between one run and the next."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from netsurgery.calibration.running import Runner, given_weights, load_model, users_names
from netsurgery.engine import Capability, Engine
from netsurgery.formats import Weights
from netsurgery.network import Model

LARGE = 64e6
"""Bytes of weights beyond which a model does not stay open: it takes memory, and loading it takes
longer than starting a process."""


class _Open(NamedTuple):
    engine: Engine
    model: Model
    runner: Runner


class SessionPool:
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
                like = _most_alike(spare, model) if number not in found else None
                if like is not None:
                    spare.remove(like[0])
                    found[number] = _refilled(*like, model)
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


def _most_alike(spare: Sequence[_Open], model: Model) -> Optional[Tuple[_Open, List[str]]]:
    """Return what becomes the model by new weights in the fewest layers, and these, or None."""
    found = [(one, _changed(one, model)) for one in spare]
    alike = [(one, names) for one, names in found if names is not None]
    return min(alike, key=lambda pair: len(pair[1]), default=None)


def _changed(one: _Open, model: Model) -> Optional[List[str]]:
    """Return the layers whose weights must be set anew, or None where that is not enough."""
    old, session = one.runner.weights, one.runner.session
    if one.model.prototxt.data != model.prototxt.data:
        return None
    if not one.engine.can(Capability.SET_PARAMETERS):
        return None
    new = _given(one, model)
    if not (old and new):
        return None
    names = [name for name in session.parameter_shapes if old.find(name) != new.find(name)]
    for name in names:
        shapes = session.parameter_shapes[name]
        if [blob.count for blob in new.blobs(name)] != [math.prod(shape) for shape in shapes]:
            return None
    return names


def _refilled(one: _Open, names: Sequence[str], model: Model) -> _Open:
    """Set the weights of some layers anew; what the net made before them, it keeps."""
    session = one.runner.session
    new = _given(one, model)
    assert new is not None
    session.set_parameters(
        {
            name: [
                blob.array().reshape(shape)
                for blob, shape in zip(new.blobs(name), session.parameter_shapes[name])
            ]
            for name in names
        }
    )
    return one._replace(model=model, runner=replace(one.runner, weights=new))


def _given(one: _Open, model: Model) -> Optional[Weights]:
    """The weights of another model of the same text, as the engine is to be given them."""
    as_they_are = one.runner.weights is one.model.weights
    return model.weights if as_they_are else given_weights(one.engine, model)


def _is_large(model: Model) -> bool:
    return model.weights is not None and model.weights.size() > LARGE
