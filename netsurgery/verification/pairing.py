"""Which values of two networks are to be the same."""

from __future__ import annotations

from typing import Container, NamedTuple, Sequence, Union

from netsurgery.errors import VerificationError
from netsurgery.network.graph import Network, Value

Wanted = Union[str, Sequence[str]]


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


def pair_values(a: Network, b: Network) -> tuple[Pair, ...]:
    """Pair the values of two networks, inputs left out, in the order of the first.

    A blob's versions are paired by number. Where one network has fewer of them, as after an
    in-place batch normalisation was folded away, they are paired from the last one backward,
    as long as the layers that compute in place are of one type.
    """
    found: dict[Value, Value] = {}
    for blob in {value.blob for value in a.values} & {value.blob for value in b.values}:
        found.update(_pair_versions(a, b, blob))
    inputs = {*a.inputs, *b.inputs}
    return tuple(
        Pair(value, found[value], value in a.outputs and found[value] in b.outputs)
        for value in a.values
        if value in found and value not in inputs and found[value] not in inputs
    )


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


def _pair_versions(a: Network, b: Network, blob: str) -> dict[Value, Value]:
    versions_a, versions_b = (
        [value for value in network.values if value.blob == blob] for network in (a, b)
    )
    pairs: dict[Value, Value] = {}
    for value_a, value_b in zip(reversed(versions_a), reversed(versions_b)):
        pairs[value_a] = value_b
        if len(versions_a) != len(versions_b) and _type(a, value_a) != _type(b, value_b):
            break
    return pairs


def _type(network: Network, value: Value) -> str:
    layer = network.producer(value)
    return layer.type if layer else ""
