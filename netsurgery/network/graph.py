"""The graph that Caffe builds from a prototxt: layers after filtering, values, who reads what."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cached_property
from typing import Callable, Dict, Hashable, Iterable, List, Mapping, Optional, Tuple, TypeVar

from netsurgery.errors import NetworkError
from netsurgery.formats import LayerText, Prototxt
from netsurgery.layers import Layer, Value
from netsurgery.network.padding import PADDING, find_padding, padded
from netsurgery.network.phases import State
from netsurgery.network.sharing import SharedParameter, shared_parameters
from netsurgery.remembered import Remembered

Shape = Tuple[int, ...]
T = TypeVar("T")

_MOST_DERIVED = 32


class Network:
    """What Caffe builds from a prototxt for one phase. Immutable.

    Attributes:
        prototxt: The document it was built from.
        state: Phase, level and stages.
        layers: The layers that survive filtering, in order.
        values: Every value, in the order in which it comes to be.
        given: Shapes that the prototxt does not say, or not so: of inputs, by blob.
        inputs: Net-level inputs, the tops of ``Input`` layers, and those of other layers without
            bottoms that stand for an input, as the shape of one of their tops is given.
        outputs: Values never read, sorted by blob name as Caffe sorts them.
        legacy_inputs: Net-level inputs (``input:``) and their shapes, given or declared.
        shared_parameters: Groups of blobs that share memory through ``param { name }``.
    """

    def __init__(
        self, prototxt: Prototxt, state: State, builder: _Builder, given: Mapping[str, Shape]
    ) -> None:
        self.prototxt = prototxt
        self.state = state
        self.legacy_inputs: Mapping[Value, Optional[Shape]] = {
            value: given.get(value.blob, shape) for value, shape in builder.legacy_inputs.items()
        }
        sources = [top for layer in builder.layers if not layer.bottoms for top in layer.tops]
        known = {value.blob for value in (*self.legacy_inputs, *sources)}
        self.given: Mapping[str, Shape] = {k: tuple(v) for k, v in given.items() if k in known}
        self._consumers = {value: tuple(by) for value, by in builder.consumers.items()}
        self.layers: Tuple[Layer, ...] = tuple(map(self._without_idle, builder.layers))
        made = {top: layer for layer in self.layers for top in layer.tops}
        self._producers = {
            value: made.get(value)
            for value, layer in builder.producers.items()
            if layer is None or value in made
        }
        self.values: Tuple[Value, ...] = tuple(self._producers)
        self._last = {value.blob: value for value in self.values}
        named: Dict[str, List[Layer]] = defaultdict(list)
        for layer in self.layers:
            named[layer.name].append(layer)
        self._named = {name: tuple(layers) for name, layers in named.items()}
        fed = [layer for layer in self.layers if layer.layer_type.is_input or self.stands_in(layer)]
        tops = (top for layer in fed for top in layer.tops)
        self.inputs: Tuple[Value, ...] = (*self.legacy_inputs, *tops)
        self.outputs: Tuple[Value, ...] = tuple(
            sorted(value for value in self.values if not self._consumers.get(value))
        )
        self.shared_parameters: Tuple[SharedParameter, ...] = shared_parameters(self.layers)
        self._derived = Remembered(_MOST_DERIVED)

    @classmethod
    def of(
        cls,
        prototxt: Prototxt,
        phase: str = "TEST",
        level: int = 0,
        stages: Iterable[str] = (),
        inputs: Optional[Mapping[str, Shape]] = None,
    ) -> Network:
        """Build the graph as ``caffe.Net(prototxt, phase, level, stages)`` would.

        Args:
            prototxt: The text.
            phase: ``"TRAIN"`` or ``"TEST"``.
            level: The level.
            stages: Stages asked for.
            inputs: Shapes of inputs, and of what data layers make, by blob; see `given`.

        Raises:
            NetworkError: Caffe would abort: a bottom nobody makes, a top made twice, ...
        """
        network, problems = build_network(prototxt, phase, level, stages, inputs)
        if problems:
            raise problems[0]
        return network

    def rewritten(self, prototxt: Prototxt) -> Network:
        """Build another text for the same phase, level and stages, with the same inputs.

        Raises:
            NetworkError: Caffe would abort on it.
        """
        state = self.state
        return Network.of(prototxt, state.phase, state.level, state.stages, self.given)

    def derived(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return what others work out of this network, such as its shapes, worked out once.

        Args:
            what: What it is, and all that it depends on besides the network.
            make: Works it out; the result must not be changed by anybody.
        """
        return self._derived.get(what, make)

    @property
    def name(self) -> str:
        """The net's name in the prototxt."""
        return self.prototxt.name

    @property
    def phase(self) -> str:
        """``"TRAIN"`` or ``"TEST"``."""
        return self.state.phase

    def _without_idle(self, layer: Layer) -> Layer:
        """The layer without what it makes that is not fed for it, as nobody reads that."""
        if not self.stands_in(layer):
            return layer
        tops = (top for top in layer.tops if top.blob in self.given or self._consumers.get(top))
        return replace(layer, tops=tuple(tops))

    def stands_in(self, layer: Layer) -> bool:
        """Whether a layer that reads files, or that nobody knows, stands for inputs of the net."""
        if layer.bottoms or layer.layer_type.is_input:
            return False
        return any(top.blob in self.given for top in layer.tops)

    def producer(self, value: Value) -> Optional[Layer]:
        """The layer that writes ``value``; None for a net-level input."""
        return self._producers[value]

    def is_source(self, value: Value) -> bool:
        """Whether ``value`` comes from outside: a net-level input, or made of no other value."""
        producer = self.producer(value)
        return producer is None or not producer.bottoms

    def consumers(self, value: Value) -> Tuple[Layer, ...]:
        """The layers that read ``value``, one entry for every bottom that does."""
        return self._consumers.get(value, ())

    def last(self, blob: str) -> Value:
        """The value a blob holds when the network has run.

        Raises:
            NetworkError: No such blob.
        """
        if blob not in self._last:
            raise NetworkError(f"no blob {blob!r} in this network", file=self.prototxt.file)
        return self._last[blob]

    def find(self, name: str) -> Tuple[Layer, ...]:
        """All layers of that name; more than one where the prototxt repeats a name."""
        return self._named.get(name, ())

    @cached_property
    def learns_shapes(self) -> bool:
        """Whether trained blobs may tell shapes of values that the prototxt does not."""
        return any(layer.layer_type.learns_shapes for layer in self.layers)

    @property
    def duplicate_names(self) -> Tuple[str, ...]:
        """Names that more than one layer of this phase has, in order of the prototxt."""
        return tuple(name for name, layers in self._named.items() if len(layers) > 1)


def build_network(
    prototxt: Prototxt,
    phase: str = "TEST",
    level: int = 0,
    stages: Iterable[str] = (),
    inputs: Optional[Mapping[str, Shape]] = None,
) -> Tuple[Network, Tuple[NetworkError, ...]]:
    """Build the graph as far as it goes, with everything Caffe would abort on.

    Returns:
        The network, and the problems in the order in which they were met.
    """
    state = State.of(phase, level, stages, prototxt.state)
    builder = _Builder(prototxt)
    for text in prototxt.layers:
        parameter = text.parameter
        if parameter.include and parameter.exclude:
            builder.complain("has both include and exclude rules; Caffe takes one kind", text)
        if state.includes(parameter) and text.type != PADDING:
            builder.add(text)
    builder.check_in_place()
    return Network(prototxt, state, builder, inputs or {}), tuple(builder.problems)


class _Builder:
    """Follows the names through the layers as Caffe's ``InsertSplits`` and ``AppendTop`` do."""

    def __init__(self, prototxt: Prototxt) -> None:
        self.file = prototxt.file
        self.padding = find_padding(prototxt)
        self.layers: List[Layer] = []
        self.legacy_inputs: Dict[Value, Optional[Shape]] = {}
        self.producers: Dict[Value, Optional[Layer]] = {}
        self.consumers: Dict[Value, List[Layer]] = defaultdict(list)
        self.problems: List[NetworkError] = []
        self._current: Dict[str, Value] = {}
        made = {top for text in prototxt.layers for top in text.tops if top not in text.bottoms}
        for blob, shape in prototxt.inputs:
            # Caffe drops an input without a shape; it is kept here where nobody else makes it.
            if shape is None and blob in made:
                continue
            value = self._write(blob)
            self.legacy_inputs[value] = shape
            self.producers[value] = None

    def add(self, text: LayerText) -> None:
        names, parameter = text.bottoms, text.parameter
        if text.index in self.padding:
            padding = self.padding[text.index]
            names, parameter = (padding.bottom,), padded(text, padding)
        bottoms = tuple(self._read(blob, text) for blob in names)
        tops = tuple(
            self._top(blob, blob in names[i : i + 1], text) for i, blob in enumerate(text.tops)
        )
        layer = Layer(len(self.layers), text.name, text.type, bottoms, tops, parameter, text)
        self.layers.append(layer)
        for value in bottoms:
            self.consumers[value].append(layer)
        self.producers.update((value, layer) for value in tops)

    def check_in_place(self) -> None:
        """Refuse an in-place layer on a value that somebody else reads too.

        Caffe puts a Split there, after which top and bottom no longer have one name.
        """
        for layer in self.layers:
            for before, _ in layer.in_place:
                if len(self.consumers[before]) > 1:
                    readers = {one.name for one in self.consumers[before] if one is not layer}
                    others = ", ".join(sorted(readers)) or "itself once more"
                    self.complain(
                        f"computes in place on {before.blob!r}, which is also read by {others}",
                        layer.text,
                        remedy="give it a top of its own",
                    )

    def complain(self, problem: str, text: LayerText, remedy: Optional[str] = None) -> None:
        self.problems.append(
            NetworkError(
                problem,
                file=self.file,
                line=text.line,
                column=text.column,
                layer=text.name,
                remedy=remedy,
            )
        )

    def _read(self, blob: str, text: LayerText) -> Value:
        if blob not in self._current:
            self.complain(f"reads {blob!r}, which no earlier layer or input makes", text)
            self.producers[self._write(blob)] = None
        return self._current[blob]

    def _top(self, blob: str, in_place: bool, text: LayerText) -> Value:
        if blob in self._current and not in_place:
            self.complain(
                f"makes {blob!r}, which an earlier layer or input already makes",
                text,
                remedy="rename one of them",
            )
        return self._write(blob)

    def _write(self, blob: str) -> Value:
        previous = self._current.get(blob)
        value = Value(blob, 0 if previous is None else previous.version + 1)
        self._current[blob] = value
        return value
