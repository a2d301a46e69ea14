"""What two large nets do alike before they part: it is run once, in one of them.

Nearly all of what a run of VGG16 computes lies before its first InnerProduct, and nearly all of its
weights behind. Where only these change, two nets need not both compute what leads there, nor need
either be loaded whole beside the other.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from netsurgery.calibration import (
    Batch,
    Inputs,
    Runner,
    SessionPool,
    common_batch,
    is_large,
)
from netsurgery.engine import Engine
from netsurgery.formats import Weights
from netsurgery.network import (
    Layer,
    Model,
    Network,
    Value,
    cut_section,
    infer_shapes,
    take_apart,
)
from netsurgery.verification.pairing import same_text
from netsurgery.verification.written import same_numbers

_AT_ONCE = 64e6
"""Bytes of what a net that is run whole may make at a time."""
_MOST_BYTES = 256e6
"""What is kept of it at most."""


class _Graph(NamedTuple):
    """A network without layers that compute in place, and its value for each of the network's."""

    network: Network
    values: Mapping[Value, Value]


@dataclass(frozen=True)
class Rest:
    """What a net does behind the place where it parts from another.

    Attributes:
        whole: The network.
        model: The rest of its layers as a model of their own.
        names: The blob there of each value of the whole that it has.
    """

    whole: Network
    model: Model
    names: Mapping[Value, str]

    def runner(self, opened: Runner) -> Runner:
        """Return what runs the rest, and knows its values by what they are in the whole."""
        return replace(opened, network=self.whole, names=self.names, part=self.model.network())

    @property
    def bytes_each(self) -> int:
        """Bytes of all its values for one sample."""
        network = self.model.network()
        shapes = infer_shapes(network, weights=self.model.weights)
        return 4 * sum(math.prod(shapes[value] or ()) for value in network.values)


class Recorded:
    """What a net made of some inputs, told again: batch after batch, each once, in their order.

    Attributes:
        network: The net.
        names: What is known of it: the values that its rest has.
        fed: What was fed as.
    """

    def __init__(self, rest: Rest, made: Mapping[Value, np.ndarray]) -> None:
        """Begin with the first batch.

        Args:
            rest: What of the net is told.
            made: Its values, of all inputs.
        """
        self.network, self.names, self.fed = rest.whole, rest.names, rest.model.network()
        self._made, self._told = made, 0

    def run(self, batch: Batch, values: Mapping[str, Value]) -> Dict[str, np.ndarray]:
        """Return the chosen values for the next batch."""
        rows = slice(self._told, self._told + batch.count)
        self._told = rows.stop
        return {name: self._made[value][rows] for name, value in values.items()}


@dataclass(frozen=True)
class Parting:
    """Where two nets part, after they did the same with the same numbers.

    Attributes:
        front: The values of the second net that the rest of either reads, by their blob there.
        rests: Both rests.
    """

    front: Mapping[str, Value]
    rests: Tuple[Rest, Rest]

    @property
    def values(self) -> Tuple[Value, ...]:
        """What is known of the second net when it has run: the front, and all behind it."""
        return tuple(dict.fromkeys([*self.front.values(), *self.rests[1].names]))


def find_parting(a: Model, b: Model, inputs: Inputs) -> Optional[Parting]:
    """Return where two large nets part, or None where both are to be run whole.

    Args:
        a: A net.
        b: Another.
        inputs: What they will be fed.
    """
    if inputs.whole_blobs or not (is_large(a) and is_large(b)):
        return None
    first, second = _graph_of(a), _graph_of(b)
    if first.network.shared_parameters or second.network.shared_parameters:
        return None  # a part would hold numbers of its own
    if not common_batch(inputs, a.network(), b.network())[1]:
        return None
    joined = _Joined(first, second, a, b)
    front = joined.read_behind()
    named_alike = all(value.blob == joined.values[value].blob for value in front)
    if not named_alike or joined.ends or set(front) <= set(first.network.inputs):
        return None
    wholes = {stands: value for value, stands in second.values.items()}
    rests = _rest(a, first, front), _rest(b, second, [joined.values[value] for value in front])
    if rests[1].bytes_each * len(inputs) > _MOST_BYTES:
        return None
    return Parting({value.blob: wholes[joined.values[value]] for value in front}, rests)


class _Joined:
    """What two networks make alike: the same layers, with the same numbers, of the same.

    Attributes:
        values: For each such value of the first the one of the second.
        ends: Whether an output of either is among them.
    """

    def __init__(self, first: _Graph, second: _Graph, a: Model, b: Model) -> None:
        self._networks = first.network, second.network
        inputs = {value.blob: value for value in second.network.inputs}
        given = {value: inputs[value.blob] for value in first.network.inputs}
        self.values: Dict[Value, Value] = dict(given)
        others = {layer.name: layer for layer in second.network.layers}
        for layer in first.network.layers:
            other = others.get(layer.name)
            if other is None or not layer.bottoms or len(layer.tops) != len(other.tops):
                continue
            read = tuple(self.values.get(value) for value in layer.bottoms)
            if read != other.bottoms or not same_text(layer, other):
                continue
            if same_numbers(a.blobs(layer.name), b.blobs(other.name)):
                self.values.update(zip(layer.tops, other.tops))
        made = set(self.values) - set(given), set(self.values.values()) - set(given.values())
        self.ends = any(m & set(net.outputs) for m, net in zip(made, self._networks))

    def read_behind(self) -> List[Value]:
        """Return the values of the first that a layer of either reads which is not joined."""
        first, second = self._networks
        made = set(self.values), set(self.values.values())

        def reads(consumers: Sequence[Layer], joined: set[Value]) -> bool:
            return any(not joined.issuperset(layer.tops) for layer in consumers)

        return [
            value
            for value, other in self.values.items()
            if reads(first.consumers(value), made[0]) or reads(second.consumers(other), made[1])
        ]


def _graph_of(model: Model) -> _Graph:
    apart = take_apart(model.network())
    values = {value: Value(name) for value, name in apart.names.items()}
    return _Graph(Network.of(apart.prototxt), values)


def _rest(model: Model, graph: _Graph, front: Sequence[Value]) -> Rest:
    shapes = infer_shapes(graph.network, weights=model.weights)
    known = {value: (1, *(shapes[value] or ())[1:]) for value in front}
    section = cut_section(graph.network, known, graph.network.outputs)
    part = Model(section.prototxt, _weights_of(model, section.layers))
    there = set(part.network().values)
    names = {value: here.blob for value, here in graph.values.items() if here in there}
    return Rest(model.network(), part, names)


def _weights_of(model: Model, layers: Sequence[Layer]) -> Optional[Weights]:
    """Return the weights of some layers, as those of no file."""
    if model.weights is None:
        return None
    names = dict.fromkeys(layer.name for layer in layers)
    return Weights.of([one for name in names for one in model.weights.find(name)])


class FrontRun(NamedTuple):
    """What a net, run whole, made of some inputs.

    Attributes:
        front: What the rest of another net is fed.
        made: What it made itself from there on.
    """

    front: Inputs
    made: Mapping[Value, np.ndarray]

    def first(self, inputs: Inputs) -> FrontRun:
        """Return what it made of the first of these inputs, which are given."""
        made = {value: array[: len(inputs)] for value, array in self.made.items()}
        return FrontRun(_told(self.front.first(len(inputs)), inputs), made)


class FrontRuns:
    """Runs nets, whole, beside which the rest of others is run; remembers the last run."""

    def __init__(self) -> None:
        self._last: Optional[Tuple[Model, Inputs, FrontRun]] = None

    def run(
        self, engine: Engine, pool: SessionPool, model: Model, parting: Parting, inputs: Inputs
    ) -> FrontRun:
        """Run a net whole, and keep what it makes from where it parts from another on.

        Args:
            engine: What runs it.
            pool: Where it is opened.
            model: The second net.
            parting: Where it parts from the first.
            inputs: What it is fed. What the last ones began with is not run again.

        Raises:
            EngineError: The engine refuses the net.
        """
        if self._last is not None:
            last, fed, found = self._last
            if last is model and set(parting.values) <= set(found.made) and _begins(fed, inputs):
                return found.first(inputs)
        found = _run_whole(engine, pool, model, parting, inputs)
        self._last = model, inputs, found
        return found


def _begins(fed: Inputs, inputs: Inputs) -> bool:
    """Whether inputs that were fed begin with others."""
    if fed is inputs:
        return True
    return inputs.drawn and all(
        np.array_equal(fed.arrays[name][: len(inputs)], np.asarray(array))
        for name, array in inputs.arrays.items()
    )


def _run_whole(
    engine: Engine, pool: SessionPool, model: Model, parting: Parting, inputs: Inputs
) -> FrontRun:
    # One after another where they are large: what a net makes of several takes as many times more.
    size, _ = common_batch(inputs, model.network(), most_bytes=_AT_ONCE)
    values = {str(value): value for value in parting.values}
    rows: Dict[Value, List[np.ndarray]] = {value: [] for value in parting.values}
    with pool.open(engine, [model]) as (runner,):
        for batch in inputs.batches(size):
            for name, blob in runner.run(batch, values).items():
                rows[values[name]].append(blob)
    pool.close()  # the rest of another net, which comes next, may need as much memory
    made = {value: np.concatenate(blobs) for value, blobs in rows.items()}
    front = Inputs({name: made[value] for name, value in parting.front.items()})
    return FrontRun(_told(front, inputs), made)


def _told(front: Inputs, inputs: Inputs) -> Inputs:
    """What inputs became, told as what they were."""
    names = ", ".join(map(repr, front.arrays))
    told = f"{inputs.description}; both nets are the same up to {names}, which ran once"
    return replace(front, labels=inputs.labels, description=told, drawn=inputs.drawn)


@contextlib.contextmanager
def opened(
    engine: Engine,
    pool: SessionPool,
    models: Tuple[Model, Model],
    inputs: Inputs,
    fronts: Optional[FrontRuns],
) -> Iterator[Tuple[Runner, Union[Runner, Recorded], Inputs]]:
    """Open two nets side by side for the time of a ``with``; of large ones, the rest of the first.

    Args:
        engine: The engine.
        pool: Where they are opened.
        models: The nets.
        inputs: What they are to be run on.
        fronts: What was run already of large nets; None: they are opened whole.

    Yields:
        Both, or the rest of the first and what the second made; and what is to be fed.

    Raises:
        EngineError: The engine refuses a net, or gives up.
    """
    parting = find_parting(*models, inputs) if fronts is not None else None
    if fronts is None or parting is None:
        with pool.open(engine, models) as (first, second):
            yield first, second, inputs
        return
    found = fronts.run(engine, pool, models[1], parting, inputs)
    with pool.open(engine, [parting.rests[0].model]) as (runner,):
        rest, other = parting.rests
        yield rest.runner(runner), Recorded(other, found.made), found.front
