"""Following two nets blob after blob, to see where they begin to differ."""

from __future__ import annotations

from typing import Dict, Iterator, Sequence, Set, Tuple

from netsurgery.network import Layer, Model, Network, Value
from netsurgery.verification.comparison import BlobComparison
from netsurgery.verification.divergence import BlobTrace, Divergence
from netsurgery.verification.pairing import Pair
from netsurgery.verification.parts import DifferingPart, Joint, differing_parts
from netsurgery.verification.verdict import is_noise, largest_noise


def trace_of(
    a: Model, b: Model, pairs: Sequence[Pair], rows: Sequence[BlobComparison]
) -> BlobTrace:
    """Return where two nets begin to differ.

    A layer that computes in place makes a value of its own, so that it cannot hide what it reads.

    Args:
        a: The original.
        b: The other one.
        pairs: All values that belong together.
        rows: What is known of each, as far as they were compared.
    """
    network = a.network()
    parts = differing_parts(a, b, Joint.of(network, b.network(), pairs))
    found = _Follower(network, parts, {row.blob: row for row in rows}).divergences()
    changes = tuple(str(change) for part in parts for change in part.changes)
    place = {str(value): number for number, value in enumerate(network.values)}
    along = sorted(rows, key=lambda row: place.get(row.blob, len(place)))
    return BlobTrace(tuple(along), tuple(found), changes)


class _Follower:
    """Goes along a network, and knows of its values which differ."""

    def __init__(
        self, network: Network, parts: Sequence[DifferingPart], rows: Dict[str, BlobComparison]
    ) -> None:
        self._network, self._rows = network, rows
        self._part_of = {layer.index: part for part in parts for layer in part.a}
        self._differing = {
            value
            for value in network.values
            if str(value) in rows and not is_noise(self._row(value))
        }

    def divergences(self) -> Iterator[Divergence]:
        """Yield where differences begin."""
        for value in self._network.values:
            maker = self._network.producer(value)
            if value not in self._differing or maker is None:
                continue
            between, read = self._back_to_known(maker)
            if not read.isdisjoint(self._differing):
                continue  # that came from before
            row, parts = self._row(value), self._parts(between)
            layers = tuple(dict.fromkeys(name for part in parts for name in part.layers))
            told = tuple(str(change) for part in parts for change in part.changes)
            yield Divergence(str(value), row.error, largest_noise(row), maker.name, layers, told)

    def _back_to_known(self, maker: Layer) -> Tuple[Sequence[Layer], Set[Value]]:
        """The layers between a layer and values that were compared, and these values."""
        waiting, found, read = [maker], {maker.index: maker}, set()
        while waiting:
            for value in waiting.pop().bottoms:
                above = self._network.producer(value)
                if str(value) in self._rows or above is None:
                    read.add(value)
                elif above.index not in found:
                    found[above.index] = above
                    waiting.append(above)
        return [found[index] for index in sorted(found)], read

    def _parts(self, between: Sequence[Layer]) -> Sequence[DifferingPart]:
        parts = (self._part_of.get(layer.index) for layer in between)
        return list({id(part): part for part in parts if part is not None}.values())

    def _row(self, value: Value) -> BlobComparison:
        return self._rows[str(value)]
