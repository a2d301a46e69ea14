"""Models that are open in their engine, and stay so between one run and the next."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from netsurgery.calibration.running import Runner, given_weights, is_large, load_model, users_names
from netsurgery.engine import Capability, Closing, Engine, Session
from netsurgery.formats import LayerWeights, Weights
from netsurgery.network import Model

MOST_BYTES = 800e6
"""What the weights and blobs of all models that stay open may take; the ones longest not used make
way."""
MOST_ALONE = 1.6e9
"""What one that stays alone may take: a net such as VGG16, with what it makes of eight pictures."""
SIDE_BY_SIDE = 512e6
"""Bytes of weights up to which models are opened beside others: loading one takes twice as much."""
_TAKES_LONG = 16e6
"""Bytes of weights that take as long to digest as to set anew."""


class _Open(NamedTuple):
    engine: Engine
    model: Model
    runner: Runner
    in_place: bool
    brief: bool = False

    @property
    def size(self) -> float:
        """About the bytes that it takes, with what it made of the last inputs."""
        session = self.runner.session
        blobs = session.batch * 4 * sum(map(math.prod, session.blobs.values()))
        return _bytes_of(self.model) + blobs


class SessionPool(Closing):
    """Keeps sessions of an engine, and the models that are open in them. Use it in a ``with``.

    To start a process takes longer than to load a small net; and a model that is wanted again, as
    the original is for every layer that is fitted to it, is not loaded twice. Models are known by
    what they say and hold, whatever files or objects they come from.

    Attributes:
        most_bytes: What all models that stay open may take, if they are several.
        most_alone: What one may take.
    """

    def __init__(self, most_bytes: float = MOST_BYTES, most_alone: float = MOST_ALONE) -> None:
        self.most_bytes, self.most_alone = most_bytes, most_alone
        self._idle: List[_Open] = []

    @contextlib.contextmanager
    def open(
        self,
        engine: Engine,
        models: Sequence[Model],
        *,
        in_place: bool = False,
        fresh: bool = False,
        brief: bool = False,
    ) -> Iterator[List[Runner]]:
        """Open models side by side for the time of a ``with``.

        Args:
            engine: The engine; sessions of others are closed.
            models: The models.
            in_place: Leave layers that compute in place as they are, as when models are timed;
                else every value of the graph is in reach.
            fresh: Start child processes anew.
            brief: The models will hardly come again: their child processes go to the next models,
                and they take none of models that may.

        Raises:
            EngineError: The engine refuses a model, or gives up.
        """
        crowded = len(models) > 1 and not fit_side_by_side(models)
        self._close(lambda one: fresh or crowded or one.engine is not engine)
        spare, self._idle = self._idle, []
        with contextlib.ExitStack() as stack:
            for one in spare:
                stack.callback(one.runner.session.close)
            found = _take_open(spare, models, in_place)
            for number, model in enumerate(models):
                if number not in found:
                    session = _take_spare(spare, brief)
                    runner = load_model(engine, model, session, in_place=in_place)
                    stack.callback(runner.session.close)
                    found[number] = _Open(engine, model, runner, in_place, brief)
            runners = [found[number].runner for number in range(len(models))]
            self._idle = spare  # for models that are opened beside these
            stack.callback(self.close)
            with users_names(runners):
                yield runners
            stack.pop_all()
        self._idle += found.values()
        self._make_room()

    def make_way(self) -> None:
        """Close large models: something else is about to take memory."""
        self._close(lambda one: is_large(one.model))

    def close(self) -> None:
        """End all child processes; the pool can be used again."""
        self._close(lambda one: True)

    def _make_room(self) -> None:
        for one in self._idle:
            if is_large(one.model) and one.model.weights and one.model.weights.whole_file:
                one.model.weights.whole_file.let_go()
        while self._takes_too_much():
            self._idle.pop(0).runner.session.close()

    def _takes_too_much(self) -> bool:
        most = self.most_bytes if len(self._idle) > 1 else self.most_alone
        return sum(one.size for one in self._idle) > most

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


def _take_spare(spare: List[_Open], brief: bool) -> Optional[Session]:
    """Take a session whose child process can hold another model: if possible, a brief one's."""
    passing = [one for one in spare if one.brief]
    chosen = passing[-1] if passing else spare[-1] if spare and not brief else None
    if chosen is None:
        return None
    spare.remove(chosen)
    return chosen.runner.session


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
    return (
        _bytes_of(model) <= _TAKES_LONG
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
    if len(old) == len(new) and all(a is b for a, b in zip(old, new)):
        return True
    large = 4 * sum(blob.count for one in new for blob in one.blobs) > _TAKES_LONG
    return not large and [one.digest for one in old] == [one.digest for one in new]


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


def fit_side_by_side(models: Sequence[Model]) -> bool:
    """Whether models can be open at the same time without taking too much memory."""
    return sum(map(_bytes_of, models)) <= SIDE_BY_SIDE


def turns_into(engine: Engine, models: Sequence[Model]) -> bool:
    """Whether one open model becomes each of several by new weights alone, as far as texts tell."""
    same = all(_says_the_same(models[0], model) for model in models)
    return same and engine.can(Capability.SET_PARAMETERS)


def _bytes_of(model: Model) -> float:
    """What its weights take in an engine, in float32."""
    return 4.0 * model.weights.count if model.weights else 0.0
