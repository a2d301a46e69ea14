"""Which values of two networks are to be the same."""

from __future__ import annotations

from typing import Callable, Container, Mapping, NamedTuple, Optional, Sequence, Union

from netsurgery.errors import VerificationError
from netsurgery.network import Layer, Network, Value

Wanted = Union[str, Sequence[str]]
Alike = Callable[[Layer, Layer], bool]
# What a layer is called, whom it is wired to and how it is trained.
_NAMING = ("name", "bottom", "top", "param", "include", "exclude", "phase", "propagate_down")


class Lost(NamedTuple):
    """An output of the first network that is none of the second.

    Attributes:
        blob: Its name.
        where: What has become of it, as far as that is known, to be put behind its name.
    """

    blob: str
    where: str = "is gone"


class Outputs(NamedTuple):
    """The outputs that only one of two networks has.

    Attributes:
        lost: Those of the first.
        extra: Names of those of the second.
    """

    lost: tuple[Lost, ...] = ()
    extra: tuple[str, ...] = ()


NONE_LOST = Outputs()


class Pair(NamedTuple):
    """The same value in two networks.

    Attributes:
        a: In the first network.
        b: In the second.
        output: Neither network reads it: it is what both are run for.
    """

    a: Value
    b: Value
    output: bool

    @property
    def name(self) -> str:
        """What to call it: as in the first network."""
        return str(self.a)


def same_text(a: Layer, b: Layer) -> bool:
    """Whether two layers say the same of what they do, whatever they and their blobs are called."""
    return a.type == b.type and _said(a) == _said(b)


def _said(layer: Layer) -> tuple[bytes, tuple[bytes, ...]]:
    mine = type(layer.parameter)()
    mine.CopyFrom(layer.parameter)
    for field in _NAMING:
        mine.ClearField(field)
    data = layer.text.source.data
    unknown = (data[one.field.start : one.field.end] for one in layer.text.unknown_fields)
    return mine.SerializeToString(deterministic=True), tuple(unknown)


def pair_known(a: Network, b: Network, origins: Mapping[Value, Value]) -> tuple[Pair, ...]:
    """Pair the values of two networks, where it is known how the second came of the first.

    Args:
        a: The first network.
        b: The second.
        origins: For values of the second, where they stood in the first, if not under their own
            name and version.
    """
    there = set(a.values)
    found = {origins.get(value, value): value for value in b.values}
    return _as_pairs(a, b, {value: other for value, other in found.items() if value in there})


def pair_values(a: Network, b: Network, alike: Alike) -> tuple[Pair, ...]:
    """Pair the values of two networks of which nothing else is known, by what makes and reads them.

    Outputs of one name belong together: by it they are asked for. So does what the same layers
    make of the same, from the inputs on, and what they read, back from the outputs. Where the
    graphs tell nothing, as where all weights differ, blobs of one name and as many versions do.

    Args:
        a: The first network.
        b: The second.
        alike: Whether a layer of the first and one of the second compute the same.

    Returns:
        The pairs in the order of the first network, inputs left out.
    """
    matching = _Matching(a, b, alike)
    matching.join_outputs()
    matching.go_forward()
    matching.go_back()
    matching.join_names()
    matching.go_forward()
    matching.go_back()
    return _as_pairs(a, b, matching.found)


def _as_pairs(a: Network, b: Network, found: Mapping[Value, Value]) -> tuple[Pair, ...]:
    inputs = {*a.inputs, *b.inputs}
    return tuple(
        Pair(value, found[value], value in a.outputs and found[value] in b.outputs)
        for value in a.values
        if value in found and value not in inputs and found[value] not in inputs
    )


class _Matching:
    """Values of two networks that belong together, as far as is known."""

    def __init__(self, a: Network, b: Network, alike: Alike) -> None:
        self._a, self._b, self._alike = a, b, alike
        self.found: dict[Value, Value] = {}
        self._back: dict[Value, Value] = {}
        inputs = {value.blob: value for value in b.inputs}
        for value in a.inputs:
            if value.blob in inputs:
                self._join(value, inputs[value.blob])

    def go_forward(self) -> None:
        """Join what the same layers make of what is joined."""
        waiting: dict[tuple[Value, ...], list[Layer]] = {}
        for layer in self._a.layers:
            waiting.setdefault(layer.bottoms, []).append(layer)
        for layer in self._b.layers:
            bottoms = tuple(self._back.get(value, value) for value in layer.bottoms)
            if not all(value in self._back for value in layer.bottoms):
                continue
            # Of twins, the one of that name: then a change of the other is seen.
            candidates = sorted(waiting.get(bottoms, ()), key=lambda one: one.name != layer.name)
            for other in candidates:
                if self._same(other, layer):
                    waiting[bottoms].remove(other)
                    self._join_all(other.tops, layer.tops)
                    break

    def join_outputs(self) -> None:
        """Join outputs of one name."""
        outputs = {value.blob: value for value in self._b.outputs}
        for value in self._a.outputs:
            if value.blob in outputs:
                self._join(value, outputs[value.blob])

    def go_back(self) -> None:
        """Join what the same layers read, to make what is joined."""
        for value in reversed(self._a.values):
            if value not in self.found:
                continue
            layer, other = self._a.producer(value), self._b.producer(self.found[value])
            if layer and other and self._same(layer, other):
                self._join_all(layer.bottoms, other.bottoms)

    def join_names(self) -> None:
        """Join blobs of one name that have as many versions, and else their last ones.

        The latter as long as the layers that compute in place are of one type.
        """
        for blob in dict.fromkeys(value.blob for value in self._a.values):
            first, second = (
                [value for value in network.values if value.blob == blob]
                for network in (self._a, self._b)
            )
            for value, other in zip(reversed(first), reversed(second)):
                if len(first) != len(second) and self._type(value, other) is None:
                    break
                self._join(value, other)

    def _same(self, layer: Layer, other: Layer) -> bool:
        """Whether they compute the same, and their tops and bottoms stand in the same places."""
        wires, others = ((len(one.bottoms), len(one.tops)) for one in (layer, other))
        return wires == others and self._alike(layer, other)

    def _type(self, value: Value, other: Value) -> Optional[str]:
        makers = self._a.producer(value), self._b.producer(other)
        types = {layer.type if layer else "" for layer in makers}
        return types.pop() if len(types) == 1 else None

    def _join_all(self, first: Sequence[Value], second: Sequence[Value]) -> None:
        for value, other in zip(first, second):
            self._join(value, other)

    def _join(self, value: Value, other: Value) -> None:
        if value not in self.found and other not in self._back:
            self.found[value], self._back[other] = other, value


def match_outputs(a: Network, b: Network, pairs: Sequence[Pair]) -> Outputs:
    """Return the outputs that only one of two networks has under its name.

    Args:
        a: The first network.
        b: The second.
        pairs: The values that belong together.
    """
    now = {pair.a: pair.b for pair in pairs}
    outputs_a, outputs_b = (
        {value.blob: value for value in network.outputs if value not in network.inputs}
        for network in (a, b)
    )
    lost, renamed = [], set()
    for blob, value in outputs_a.items():
        if blob in outputs_b:
            continue
        there = now.get(value)
        if there is None:
            lost.append(Lost(blob))
        elif there in b.outputs:
            lost.append(Lost(blob, f"is called {there.blob!r}"))
            renamed.add(there.blob)
        else:
            readers = ", ".join(repr(layer.name) for layer in b.consumers(there))
            lost.append(Lost(blob, f"is no output, as {readers} reads it"))
    extra = [blob for blob in outputs_b if blob not in outputs_a and blob not in renamed]
    return Outputs(tuple(lost), tuple(extra))


def choose_pairs(
    pairs: Sequence[Pair], wanted: Wanted, scores: Container[Value] = ()
) -> tuple[Pair, ...]:
    """Return the pairs asked for.

    Args:
        pairs: All there are.
        wanted: ``"outputs"``, ``"common"`` for all, or one or more names: a blob stands for
            its last version, ``blob@version`` for another.
        scores: Values of the first network that come with ``"outputs"``.

    Raises:
        VerificationError: A name is not that of a common blob.
    """
    if wanted == "common":
        return tuple(pairs)
    if wanted == "outputs":
        return tuple(pair for pair in pairs if pair.output or pair.a in scores)
    known = {pair.a.blob: pair for pair in pairs}
    known.update((f"{pair.a.blob}@{pair.a.version}", pair) for pair in pairs)
    names = [wanted] if isinstance(wanted, str) else wanted
    unknown = [name for name in names if name not in known]
    if unknown:
        raise VerificationError(
            f"the two nets have no blob {unknown[0]!r} in common",
            remedy=f"choose among {', '.join(known) or 'none'}",
        )
    return tuple(known[name] for name in names)
