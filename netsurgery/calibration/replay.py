"""Running models that differ in little over the same few inputs: only what has not run yet."""

from __future__ import annotations

import math
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np

from netsurgery.calibration.batching import input_shapes, largest_batch
from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.measuring import (
    ObservedValue,
    Observer,
    Seen,
    values_by_model,
    wanted_of,
)
from netsurgery.calibration.running import common_batch, has_large_weights, is_large
from netsurgery.calibration.session_pool import SessionPool
from netsurgery.engine import Capability, Engine, EngineLike, choose
from netsurgery.formats import Weights
from netsurgery.measurements import digest_of
from netsurgery.network import Layer, Model, Network, Value, cut_section, take_apart
from netsurgery.progress import Progress, silent

TURNS = 16
"""Times that observers are shown some of the inputs."""

Provenance = Tuple[object, ...]
"""What makes a value: a layer's text and weights, and what makes the values that it reads."""


class _Graph(NamedTuple):
    """A network taken apart, and the value there that stands for each of its own."""

    network: Network
    values: Mapping[Value, Value]


class Replay:
    """Remembers what models made of inputs.

    Of a model that part is run, as a net of its own, which lies between what is known and what is
    wanted. Values are known by what made them, in whichever model. What belongs to none of the
    models of the last run is forgotten, and of the rest what was longest not used.

    Attributes:
        most_bytes: What all values may take that are kept from one run to the next.
    """

    def __init__(
        self,
        inputs: Inputs,
        sessions: SessionPool,
        most_bytes: float = math.inf,
        rewritten: bool = False,
        progress: Optional[Progress] = None,
    ) -> None:
        """Prepare.

        Args:
            inputs: What models are fed; so few that what is looked at can be kept.
            sessions: Where parts of models are opened.
            most_bytes: What all values may take that are kept.
            rewritten: Models differ in their texts, so that no engine goes on by itself.
            progress: Told how many inputs were run; through a part of a model is a pass, too, as it
                is where an engine goes on by itself.
        """
        self.most_bytes, self._rewritten = most_bytes, rewritten
        self._inputs, self._sessions = inputs, sessions
        self._progress = progress or silent
        self._graphs: Dict[str, _Graph] = {}
        self._numbers: Dict[Provenance, int] = {}
        self._count = 0
        self._known: Dict[int, np.ndarray] = {}

    def run(
        self,
        models: Sequence[Model],
        observers: Sequence[Observer],
        engine: EngineLike,
    ) -> bool:
        """Show observers what models make of all inputs, some inputs at a time.

        Args:
            models: The models; all are fed the same.
            observers: What looks at them.
            engine: The engine or its name; the first that can run the models if None.

        Returns:
            False where that cannot be done: the engine goes on from where it was by itself, as it
            does where all inputs run at once and texts and large layers do not change, or parts of
            a model cannot be run alone.

        Raises:
            EngineError: There is no engine, or it refuses a part of a model.
        """
        wanted = wanted_of(observers)
        looked_at = values_by_model(wanted)
        used = list(looked_at)
        networks = [models[number].network() for number in used]
        chosen = choose(engine, networks)
        _, at_once = common_batch(self._inputs, *networks, wanted=list(looked_at.values()))
        by_parts = self._rewritten or _differ_in_large_layers(models)
        resumes = chosen.can(Capability.RESUME) and at_once and not by_parts
        if self._inputs.whole_blobs or resumes:
            return False
        seen: Seen = {}
        alive: Set[int] = set()
        for number in used:
            made = self._values_of(models[number], looked_at[number], chosen)
            if made is None:
                return False
            found, numbers = made
            seen.update((ObservedValue(value, number), array) for value, array in found.items())
            alive.update(numbers)
        self._forget_others(models, alive)
        self._show(observers, seen)
        return True

    def _show(self, observers: Sequence[Observer], seen: Seen) -> None:
        """Show what was made to observers, some inputs at a time where all have as many rows.

        They look at other windows each time: the more often, the more of them.
        """
        count = len(self._inputs)
        apart = all(len(array) == count for array in seen.values())
        turns = min(count, TURNS) if apart else 1
        ends = [count * turn // turns for turn in range(turns + 1)]
        parts = [slice(*pair) for pair in zip(ends, ends[1:])] if apart else [slice(None)]
        for rows in parts:
            for observer in observers:
                observer.add(
                    {
                        source: source.cut(seen[source._replace(at=None)][rows])
                        for source in observer.sources
                    }
                )

    def _values_of(
        self, model: Model, wanted: Iterable[Value], engine: Engine
    ) -> Optional[Tuple[Dict[Value, np.ndarray], Set[int]]]:
        """Return values of a model, and the numbers of all that it has."""
        graph = self._graph(model)
        if graph.network.shared_parameters:
            return None
        numbers = self._number_values(graph.network, model.weights)
        self._feed(graph.network, numbers)
        values = {one: graph.values[one] for one in wanted}
        if not self._make(engine, model, numbers, values.values()):
            return None
        found = {one: self._known[numbers[value]] for one, value in values.items()}
        return found, set(numbers.values())

    def _graph(self, model: Model) -> _Graph:
        text = _text_of(model)
        if text not in self._graphs:
            apart = take_apart(model.network())
            values = {value: Value(name) for value, name in apart.names.items()}
            self._graphs[text] = _Graph(Network.of(apart.prototxt), values)
        return self._graphs[text]

    def _number_values(self, network: Network, weights: Optional[Weights]) -> Dict[Value, int]:
        """Number every value of a network; those that the same things make have the same number."""
        found = {value: self._number((value.blob,)) for value in network.inputs}
        for layer in network.layers:
            blobs = tuple(one.digest for one in weights.find(layer.name)) if weights else ()
            read = tuple(found[value] for value in layer.bottoms)
            for place, value in enumerate(layer.tops):
                if value not in found:
                    found[value] = self._number((layer.text.structure, blobs, read, place))
        return found

    def _number(self, origin: Provenance) -> int:
        if origin not in self._numbers:
            self._numbers[origin] = self._count
            self._count += 1
        return self._numbers[origin]

    def _make(
        self, engine: Engine, model: Model, numbers: Mapping[Value, int], wanted: Iterable[Value]
    ) -> bool:
        """Make what is not known yet of a model's values; return whether that could be done."""
        network = self._graph(model).network
        known = {
            value: (1, *self._known[number].shape[1:])
            for value, number in numbers.items()
            if number in self._known
        }
        missing = [value for value in wanted if value not in known]
        if not missing:
            return True
        section = cut_section(network, known, missing)
        fed = {value.blob: self._used(numbers[value]) for value in section.inputs}
        if not fed or any(len(array) != len(self._inputs) for array in fed.values()):
            return False
        inputs = Inputs(fed)
        size = largest_batch(Network.of(section.prototxt), inputs)
        if size is None and not _takes_one(model.network()):
            return False
        # From where a net branches, and in front of what is large, the next run will begin again.
        kept = [
            value
            for layer in section.layers
            for value in layer.tops
            if len(network.consumers(value)) > 1
            or any(has_large_weights(model, reader.name) for reader in network.consumers(value))
        ]
        made: Dict[Value, List[np.ndarray]] = {value: [] for value in [*missing, *kept]}
        part = Model(section.prototxt, _weights_of(model, section.layers))
        told = self._progress.task("running", len(inputs), "inputs")
        with told as task, self._sessions.open(engine, [part], brief=True) as (runner,):
            for batch in inputs.batches(size or 1):
                found = runner.run(batch, {value.blob: value for value in made})
                for value, arrays in made.items():
                    arrays.append(found[value.blob])
                task.advance(batch.count)
            task.count("forward passes", len(inputs))
        for value, arrays in made.items():
            self._known[numbers[value]] = np.concatenate(arrays)
        return True

    def _used(self, number: int) -> np.ndarray:
        """Return what is known, as what is used last."""
        array = self._known[number] = self._known.pop(number)
        return array

    def _feed(self, network: Network, numbers: Mapping[Value, int]) -> None:
        """Take the inputs for known."""
        if any(numbers[value] not in self._known for value in network.inputs):
            (batch,) = self._inputs.batches(len(self._inputs))
            for value in network.inputs:
                self._known[numbers[value]] = batch.inputs[value.blob]

    def _forget_others(self, models: Sequence[Model], alive: Set[int]) -> None:
        texts = {_text_of(model) for model in models}
        self._graphs = {key: graph for key, graph in self._graphs.items() if key in texts}
        self._numbers = {key: number for key, number in self._numbers.items() if number in alive}
        self._known = {number: array for number, array in self._known.items() if number in alive}
        excess = sum(array.nbytes for array in self._known.values()) - self.most_bytes
        for number in list(self._known):
            if excess <= 0:
                break
            excess -= self._known.pop(number).nbytes


def _differ_in_large_layers(models: Sequence[Model]) -> bool:
    """Whether new weights are so large that an engine should hold them beside little else."""
    first, *others = models
    return any(
        has_large_weights(other, name) and other.blobs(name)[0] is not first.blobs(name)[0]
        for other in others
        if is_large(other)  # most nets are asked no further
        for name in dict.fromkeys(layer.name for layer in first.network().layers)
        if first.blobs(name) and other.blobs(name)
    )


def _text_of(model: Model) -> str:
    return digest_of(model.prototxt, sorted(model.input_shapes.items()))


def _takes_one(network: Network) -> bool:
    """Whether a network is fed one sample at a time."""
    return all(shape[0] == 1 for shape in input_shapes(network).values())


def _weights_of(model: Model, layers: Iterable[Layer]) -> Optional[Weights]:
    """Return the weights of some layers; None where these have none."""
    if model.weights is None:
        return None
    names = dict.fromkeys(layer.name for layer in layers)
    found = [one for name in names for one in model.weights.find(name)]
    return Weights.of(found) if found else None
