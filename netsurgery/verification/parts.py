"""Which parts of two networks are not the same: the layers between values that belong together."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Callable, Dict, Hashable, Iterator, List, NamedTuple, Sequence, Tuple

from netsurgery.network import Layer, Model, Network, Value
from netsurgery.verification.pairing import Pair, pair_values, same_text
from netsurgery.verification.written import count_differences, same_numbers


class LayerChange(NamedTuple):
    """What is otherwise about a layer.

    Attributes:
        layer: Its name, in the first net if it is there.
        what: A few words that go behind it.
    """

    layer: str
    what: str

    def __str__(self) -> str:
        return f"layer {self.layer!r} {self.what}"


class DifferingPart(NamedTuple):
    """Layers of two networks that stand for each other, and do not do the same.

    Attributes:
        a: Those of the first, in order.
        b: Those of the second, in order.
        changes: What is otherwise.
        layers: The names of the layers that are: of the first net, and those that only the second
            has.
    """

    a: Tuple[Layer, ...]
    b: Tuple[Layer, ...]
    changes: Tuple[LayerChange, ...]
    layers: Tuple[str, ...]


def alike(a: Model, b: Model) -> Callable[[Layer, Layer], bool]:
    """Return what tells whether two layers do the same, with the same numbers."""
    return lambda one, other: (
        same_text(one, other) and same_numbers(a.blobs(one.name), b.blobs(other.name))
    )


class Joint(NamedTuple):
    """The values on which two networks can be taken apart, as what one has there the other takes.

    Attributes:
        values: For values of the first the one of the second.
    """

    values: Dict[Value, Value]

    @classmethod
    def of(cls, a: Network, b: Network, pairs: Sequence[Pair]) -> Joint:
        """Return those of pairs, and the inputs of one name."""
        inputs = {value.blob: value for value in b.inputs}
        fed = {value: inputs[value.blob] for value in a.inputs if value.blob in inputs}
        return cls({**fed, **{pair.a: pair.b for pair in pairs}})


def joint_of(a: Model, b: Model) -> Joint:
    """Return where two models of which nothing else is known can be taken apart."""
    networks = a.network(), b.network()
    return Joint.of(*networks, pair_values(*networks, alike(a, b)))


def differing_parts(
    a: Model, b: Model, joint: Joint, bound: Sequence[Value] = ()
) -> Tuple[DifferingPart, ...]:
    """Return the parts in which two models are not the same, in the order of the first.

    Args:
        a: A model.
        b: Another.
        joint: Which of their values belong together.
        bound: Values of the first at which they cannot be taken apart, as what one holds there
            the other cannot take.
    """
    first, second = a.network(), b.network()
    found = _Components(first, second, joint.values, frozenset(bound)).found()
    parts = (_part_of(a, b, joint.values, ones, others) for ones, others in found)
    return tuple(part for part in parts if part.changes)


Side = Tuple[str, int]


class _Components:
    """Layers that belong to one part, joined step by step (disjoint sets)."""

    def __init__(
        self, a: Network, b: Network, joint: Dict[Value, Value], bound: frozenset[Value]
    ) -> None:
        self._a, self._b = a, b
        self._root: Dict[Hashable, Hashable] = {}
        back = {other: value for value, other in joint.items()}
        loose = (("a", a, joint, bound), ("b", b, back, frozenset(joint[one] for one in bound)))
        for side, network, known, tied in loose:
            for value in network.values:
                if value not in known or value in tied:
                    self._join_all(side, _around(network, value))
            for group in network.shared_parameters:
                self._join_all(side, [layer for layer, _ in group.members])
        for value, other in joint.items():
            made, also = a.producer(value), b.producer(other)
            if made is not None and also is not None:
                self._join(("a", made.index), ("b", also.index))

    def found(self) -> Iterator[Tuple[List[Layer], List[Layer]]]:
        """Yield the layers of each part, of both nets."""
        parts: Dict[Hashable, Tuple[List[Layer], List[Layer]]] = defaultdict(lambda: ([], []))
        for number, (side, network) in enumerate((("a", self._a), ("b", self._b))):
            for layer in network.layers:
                parts[self._find((side, layer.index))][number].append(layer)
        yield from parts.values()

    def _join_all(self, side: str, layers: Sequence[Layer]) -> None:
        for layer in layers[1:]:
            self._join((side, layers[0].index), (side, layer.index))

    def _join(self, one: Side, other: Side) -> None:
        self._root[self._find(other)] = self._find(one)

    def _find(self, one: Hashable) -> Hashable:
        while (above := self._root.get(one, one)) != one:
            one = above
        return one


def _around(network: Network, value: Value) -> List[Layer]:
    """The layer that makes a value, and those that read it."""
    made = network.producer(value)
    return [*([made] if made is not None else []), *network.consumers(value)]


def _part_of(
    a: Model, b: Model, joint: Dict[Value, Value], ones: List[Layer], others: List[Layer]
) -> DifferingPart:
    partners, left, free = _partners(ones, others)
    changes = [
        LayerChange(layer.name, what)
        for layer, partner in partners
        for what in _changed(a, b, layer, partner, joint)
    ]
    if left and free:
        names = ", ".join(repr(layer.name) for layer in free)
        changes += [LayerChange(one.name, f"is {names} in the second net") for one in left]
    else:
        changes += [LayerChange(one.name, "is not in the second net") for one in left]
        changes += [LayerChange(one.name, "is in the second net only") for one in free]
    # That a layer reads something else is said already of what it does not read.
    told = [change for change in changes if change.what != _WIRES] or changes
    layers = dict.fromkeys([*(change.layer for change in told), *(one.name for one in free)])
    return DifferingPart(tuple(ones), tuple(others), tuple(told), tuple(layers))


Partners = Tuple[List[Tuple[Layer, Layer]], List[Layer], List[Layer]]


def _partners(ones: Sequence[Layer], others: Sequence[Layer]) -> Partners:
    """Layers of both nets of one name, or in one place where they are as many; and what is left."""
    named: Dict[str, List[Layer]] = defaultdict(list)
    for layer in others:
        named[layer.name].append(layer)
    found = [(one, named[one.name].pop(0)) for one in ones if named[one.name]]
    taken = [{layer.index for layer in side} for side in zip(*found)] or [set(), set()]
    left, free = (
        [one for one in side if one.index not in known and not one.layer_type.is_input]
        for side, known in zip((ones, others), taken)
    )
    if [one.type for one in left] == [one.type for one in free]:
        return [*found, *zip(left, free)], [], []
    return found, left, free


_WIRES = "reads something else"


def _changed(
    a: Model, b: Model, layer: Layer, other: Layer, joint: Dict[Value, Value]
) -> Iterator[str]:
    """Yield what a layer does otherwise than its partner."""
    if layer.type != other.type:
        yield f"is of type {other.type} in the second net, not {layer.type}"
    elif not same_text(layer, other):
        yield from _other_fields(layer, other)
    yield from _other_blobs(a, b, layer, other)
    if len(layer.bottoms) != len(other.bottoms) or any(
        joint.get(value) != there for value, there in zip(layer.bottoms, other.bottoms)
    ):
        yield _WIRES
    tops = [joint.get(value) for value in layer.tops]
    if sorted(filter(None, tops)) == sorted(other.tops) and tops != list(other.tops):
        yield "makes its tops in another order"
    outputs = set(a.network().outputs)
    for value, there in zip(layer.tops, other.tops):
        if value in outputs and value.blob != there.blob:
            yield f"makes output {value.blob!r} under the name {there.blob!r}"


def _other_fields(layer: Layer, other: Layer) -> Iterator[str]:
    first, second = (dict(_fields(one.parameter)) for one in (layer, other))
    found = False
    for path in dict.fromkeys((*first, *second)):
        if path.split(".")[0] in _NAMES or first.get(path) == second.get(path):
            continue
        found = True
        before, now = (str(one.get(path, "not given")) for one in (first, second))
        yield f"has {path} {now}, not {before}" if path in first else f"has {path} {now}"
    if not found:
        yield "is written otherwise"


_NAMES = {
    "name",
    "bottom",
    "top",
    "param",
    "include",
    "exclude",
    "phase",
    "propagate_down",
    "blobs",
}


def _fields(message: Any, path: str = "") -> Iterator[Tuple[str, Any]]:
    """Yield each field that is set in a message of protobuf, by its dotted path."""
    for field, value in message.ListFields():
        name = f"{path}.{field.name}" if path else field.name
        if field.message_type is None:
            yield name, list(value) if hasattr(value, "append") else value
        elif hasattr(value, "add"):
            for number, each in enumerate(value):
                yield from _fields(each, f"{name}[{number}]")
        else:
            yield from _fields(value, name)


def _other_blobs(a: Model, b: Model, layer: Layer, other: Layer) -> Iterator[str]:
    blobs, there = a.blobs(layer.name), b.blobs(other.name)
    if len(blobs) != len(there):
        yield f"holds {len(there)} blobs, not {len(blobs)}"
    for number, (before, now) in enumerate(zip(blobs, there)):
        if same_numbers([before], [now]):
            continue
        if before.count != now.count:
            yield f"holds blob {number} in the shape {now.shape}, not {before.shape}"
        else:
            different = count_differences(before, now)
            yield f"holds {different:,} of {now.count:,} other numbers in blob {number}"
