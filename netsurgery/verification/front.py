"""What two large nets do alike before they part: it is run once, in one of them.

Nearly all of what a run of VGG16 computes lies before its first InnerProduct, and nearly all of its
weights behind. Where only these change, two nets need not both compute what leads there, nor need
either be loaded whole beside the other.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration import (
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
from netsurgery.verification.judges import require_same
from netsurgery.verification.pairing import same_text
from netsurgery.verification.written import same_numbers


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


@dataclass(frozen=True)
class Parting:
    """Where two nets part, after they did the same with the same numbers.

    Attributes:
        front: The values of the second net that the rest of either reads, by their blob there.
        rests: Both rests.
    """

    front: Mapping[str, Value]
    rests: Tuple[Rest, Rest]


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
    return Parting(
        {value.blob: wholes[joined.values[value]] for value in front},
        (_rest(a, first, front), _rest(b, second, [joined.values[value] for value in front])),
    )


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
        front: What the rests of both nets are fed.
        outputs: The outputs for the first of them, by name.
        first: How many those are.
    """

    front: Inputs
    outputs: Mapping[str, np.ndarray]
    first: int


class FrontRuns:
    """Runs what nets begin with, and remembers what came of it the last time."""

    def __init__(self) -> None:
        self._last: Optional[Tuple[Model, frozenset[Value], Inputs, FrontRun]] = None

    def run(
        self, engine: Engine, pool: SessionPool, model: Model, parting: Parting, inputs: Inputs
    ) -> FrontRun:
        """Run a net, whole, up to where it parts from another; the first inputs to its end.

        Args:
            engine: What runs it.
            pool: Where it is opened.
            model: The second net.
            parting: Where it parts from the first.
            inputs: What it is fed. What the last ones began with is not run again.

        Raises:
            EngineError: The engine refuses the net.
        """
        wanted = frozenset(parting.front.values())
        if self._last is not None:
            last, known, fed, made = self._last
            if last is model and known == wanted and _begins_with(fed, inputs):
                front = _told(made.front.first(len(inputs)), inputs)
                return made._replace(front=front)
        made = _run_whole(engine, pool, model, parting, inputs)
        self._last = model, wanted, inputs, made
        return made


def _begins_with(fed: Inputs, inputs: Inputs) -> bool:
    if fed is inputs:
        return True
    return inputs.drawn and all(
        np.array_equal(fed.arrays[name][: len(inputs)], np.asarray(array))
        for name, array in inputs.arrays.items()
    )


def _run_whole(
    engine: Engine, pool: SessionPool, model: Model, parting: Parting, inputs: Inputs
) -> FrontRun:
    network = model.network()
    size, _ = common_batch(inputs, network)
    found: Dict[str, List[np.ndarray]] = {name: [] for name in parting.front}
    outputs: Dict[str, np.ndarray] = {}
    with pool.open(engine, [model]) as (runner,):
        for batch in inputs.batches(size):
            ends = {} if outputs else {str(value): value for value in network.outputs}
            blobs = runner.run(batch, {**parting.front, **ends})
            outputs.update((name, blobs[name]) for name in ends)
            for name, rows in found.items():
                rows.append(blobs[name])
    whole = {name: np.concatenate(rows) for name, rows in found.items()}
    return FrontRun(_told(Inputs(whole), inputs), outputs, min(size, len(inputs)))


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
) -> Iterator[Tuple[Runner, Runner, Inputs]]:
    """Open two nets side by side for the time of a ``with``, large ones behind where they part.

    Args:
        engine: The engine.
        pool: Where they are opened.
        models: The nets.
        inputs: What they are to be run on.
        fronts: What was run already of what such nets begin with; None: they are opened whole.

    Yields:
        Both, and what they are to be fed.

    Raises:
        EngineError: The engine refuses a net, or gives up.
        NoJudgeError: It gives something else for the rest of a net than for the whole.
    """
    parting = find_parting(*models, inputs) if fronts is not None else None
    if fronts is None or parting is None:
        with pool.open(engine, models) as (first, second):
            yield first, second, inputs
        return
    made = fronts.run(engine, pool, models[1], parting, inputs)
    with pool.open(engine, [rest.model for rest in parting.rests]) as runners:
        first, second = (rest.runner(one) for rest, one in zip(parting.rests, runners))
        _require_joint(second, made)
        yield first, second, made.front


def _require_joint(rest: Runner, made: FrontRun) -> None:
    """See that the rest of a net continues what the whole net began."""
    if made.first <= len(made.front):
        outputs = {str(value): value for value in rest.network.outputs}
        batch = next(iter(made.front.batches(made.first)))
        require_same(made.outputs, rest.run(batch, outputs))
