"""Models that are open in their engine, and stay so between one run and the next."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from types import TracebackType
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type

from netsurgery.calibration.running import Runner, given_weights, is_large, load_model, users_names
from netsurgery.engine import Capability, Engine
from netsurgery.formats import LayerWeights, Weights
from netsurgery.network import Model

MOST_BYTES = 512e6
"""What the weights and blobs of all models that stay open may take; the ones longest not used make
way."""


class _Open(NamedTuple):
    engine: Engine
    model: Model
    runner: Runner
    in_place: bool

    @property
    def size(self) -> float:
        """About the bytes that it takes, for inputs of the shapes that it declares."""
        weights = self.model.weights.count if self.model.weights else 0
        return 4 * weights + 4 * sum(map(math.prod, self.runner.session.blobs.values()))


class SessionPool:
    """Keeps sessions of an engine, and the models that are open in them. Use it in a ``with``.

    To start a process takes longer than to load a small net; and a model that is wanted again, as
    the original is for every layer that is fitted to it, is not loaded twice. Models are known by
    what they say and hold, whatever files or objects they come from.

    Attributes:
        most_bytes: What all models that stay open may take.
    """

    def __init__(self, most_bytes: float = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._idle: List[_Open] = []

    @contextlib.contextmanager
    def open(
        self,
        engine: Engine,
        models: Sequence[Model],
        *,
        in_place: bool = False,
        fresh: bool = False,
    ) -> Iterator[List[Runner]]:
        """Open models side by side for the time of a ``with``.

        Args:
            engine: The engine; sessions of others are closed.
            models: The models.
            in_place: Leave layers that compute in place as they are, as when models are timed;
                else every value of the graph is in reach.
            fresh: Start child processes anew.

        Raises:
            EngineError: The engine refuses a model, or gives up.
        """
        self._close(lambda one: fresh or one.engine is not engine)
        spare, self._idle = self._idle, []
        with contextlib.ExitStack() as stack:
            for one in spare:
                stack.callback(one.runner.session.close)
            found = _take_open(spare, models, in_place)
            for number, model in enumerate(models):
                if number not in found:
                    session = spare.pop().runner.session if spare else None
                    runner = load_model(engine, model, session, in_place=in_place)
                    stack.callback(runner.session.close)
                    found[number] = _Open(engine, model, runner, in_place)
            runners = [found[number].runner for number in range(len(models))]
            self._idle = spare  # for models that are opened beside these
            stack.callback(self.close)
            with users_names(runners):
                yield runners
            stack.pop_all()
        self._idle += found.values()
        self._make_room()

    def close(self) -> None:
        """End all child processes; the pool can be used again."""
        self._close(lambda one: True)

    def __enter__(self) -> SessionPool:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _make_room(self) -> None:
        self._close(lambda one: is_large(one.model))
        while sum(one.size for one in self._idle) > self.most_bytes:
            self._idle.pop(0).runner.session.close()

    def _close(self, which: Callable[[_Open], bool]) -> None:
        for one in self._idle:
            if which(one):
                one.runner.session.close()
        self._idle = [one for one in self._idle if not which(one)]


@contextlib.contextmanager
def open_model(engine: Engine, model: Model) -> Iterator[Runner]:
    """Open one model in an engine, and close it at the end of the ``with``.

    Raises:
        EngineError: The engine refuses the model.
    """
    with SessionPool() as sessions, sessions.open(engine, [model]) as (runner,):
        yield runner


def _take_open(spare: List[_Open], models: Sequence[Model], in_place: bool) -> dict[int, _Open]:
    """Take from what is open what holds a model, or becomes one by new weights."""
    found = {}
    for number, model in enumerate(models):
        same = [one for one in spare if one.in_place == in_place and _holds(one, model)]
        if same:
            spare.remove(same[0])
            weights = _given(same[0], model)
            runner = replace(same[0].runner, network=model.network(), weights=weights)
            found[number] = same[0]._replace(model=model, runner=runner)
    for number, model in enumerate(models):
        alike = None
        if number not in found:
            alike = _most_alike([one for one in spare if one.in_place == in_place], model)
        if alike is not None:
            spare.remove(alike[0])
            found[number] = _refilled(*alike, model)
    return found


def _holds(one: _Open, model: Model) -> bool:
    if one.model is model:
        return True
    # What is large does not stay open, and would take long to digest.
    return (
        not is_large(model)
        and _says_the_same(one.model, model)
        and (one.model.digest == model.digest)
    )


def _says_the_same(one: Model, other: Model) -> bool:
    texts = one.prototxt, other.prototxt
    same = texts[0] is texts[1] or texts[0].digest == texts[1].digest
    return same and dict(one.input_shapes) == dict(other.input_shapes)


def _most_alike(spare: Sequence[_Open], model: Model) -> Optional[Tuple[_Open, List[str]]]:
    """Return what becomes the model by new weights in the fewest layers, and these, or None."""
    found = [(one, _changed(one, model)) for one in spare]
    alike = [(one, names) for one, names in found if names is not None]
    return min(alike, key=lambda pair: len(pair[1]), default=None)


def _changed(one: _Open, model: Model) -> Optional[List[str]]:
    """Return the layers whose weights must be set anew, or None where that is not enough."""
    if not one.engine.can(Capability.SET_PARAMETERS) or not _says_the_same(one.model, model):
        return None
    old, new, session = one.runner.weights, _given(one, model), one.runner.session
    if not (old and new):
        return None
    shapes = session.parameter_shapes
    names = [name for name in shapes if not _same(old.find(name), new.find(name))]
    for name in names:
        if [blob.count for blob in new.blobs(name)] != [math.prod(of) for of in shapes[name]]:
            return None
    return names


def _same(old: Sequence[LayerWeights], new: Sequence[LayerWeights]) -> bool:
    return old == new or [one.digest for one in old] == [one.digest for one in new]


def _refilled(one: _Open, names: Sequence[str], model: Model) -> _Open:
    """Set the weights of some layers anew; what the net made before them, it keeps."""
    session, new = one.runner.session, _given(one, model)
    assert new is not None
    session.set_parameters(
        {
            name: [
                blob.reshape(shape)
                for blob, shape in zip(new.blobs(name), session.parameter_shapes[name])
            ]
            for name in names
        }
    )
    runner = replace(one.runner, network=model.network(), weights=new)
    return one._replace(model=model, runner=runner)


def _given(one: _Open, model: Model) -> Optional[Weights]:
    """The weights of another model of the same text, as the engine is to be given them."""
    as_they_are = one.runner.weights is one.model.weights
    return model.weights if as_they_are else given_weights(one.engine, model)
