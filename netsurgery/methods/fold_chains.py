"""Finding the BatchNorm, Scale and Bias layers that can be folded into a layer beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.layers import Axis, PerChannel, per_channel
from netsurgery.methods.fold_product import FoldProduct
from netsurgery.network import Layer, Model, Network, Shapes, Value, trace_shapes

ScaleShift = Tuple[np.ndarray, np.ndarray]
_RULES = ("include", "exclude")


@dataclass(frozen=True)
class FoldChain:
    """A layer and the neighbours that fold into it.

    Attributes:
        product: The layer that takes them up.
        before: Those that make what it reads, in order.
        behind: Those that read what it makes, in order.
        skipped: For the layer next in line on either side, by name, why it does not fold.
    """

    product: Optional[FoldProduct]
    before: Tuple[PerChannel, ...]
    behind: Tuple[PerChannel, ...]
    skipped: Mapping[str, str]

    @property
    def folded(self) -> Tuple[Layer, ...]:
        """The layers that vanish."""
        return tuple(one.layer for one in (*self.before, *self.behind))


def find_chain(model: Model, network: Network, layer: Layer, shapes: Shapes) -> FoldChain:
    """Return what folds into ``layer``, and why the rest beside it does not.

    Args:
        model: The network with its weights.
        network: Its graph.
        layer: A layer whose type is a `Product`.
        shapes: The shapes of the network's values.
    """
    if not (layer.bottoms and layer.tops):
        file = network.prototxt.file
        raise NetworkError("has no bottom or no top", file=file, layer=layer.name)
    search = _Search(model, network, shapes)
    try:
        search.refuse_ambiguous(layer)
        product = FoldProduct(layer, model.blobs(layer.name), shapes.get(layer.bottoms[0]))
    except NetworkError as error:
        neighbours = (*network.consumers(layer.tops[0]), network.producer(layer.bottoms[0]))
        names = [one.name for one in neighbours if one and one.layer_type.is_per_channel]
        reason = f"{layer.name!r} takes nothing up: {error.problem}"
        return FoldChain(None, (), (), dict.fromkeys(names, reason))
    behind, before = search.behind(product), search.before(product)
    return FoldChain(product, before, behind, search.skipped)


def composed(steps: Sequence[PerChannel], channels: int) -> ScaleShift:
    """Return one scale and one shift for several in a row."""
    scale, shift = np.ones(channels), np.zeros(channels)
    for step in steps:
        scale, shift = scale * step.scale, shift * step.scale + step.shift
    return scale, shift


def shapes_of(network: Network) -> Shapes:
    """Return the shapes of a network's values as far as they can be told."""
    return trace_shapes(network)[0]


class _Search:
    """Follows the values on both sides of a layer."""

    def __init__(self, model: Model, network: Network, shapes: Shapes) -> None:
        self.skipped: dict[str, str] = {}
        self._model, self._network, self._shapes = model, network, shapes
        self._names = [text.name for text in model.prototxt.layers]
        built = {layer.text.index for layer in network.layers}
        self._unbuilt = [text for text in model.prototxt.layers if text.index not in built]

    def behind(self, product: FoldProduct) -> Tuple[PerChannel, ...]:
        """Return the layers behind, as far as they fold."""
        found: list[PerChannel] = []
        value = product.layer.tops[0]
        while True:
            readers = [r for r in self._network.consumers(value) if r.layer_type.is_per_channel]
            if not readers:
                return tuple(found)
            try:
                found.append(self._member(readers[0], product, value, product.outputs))
            except NetworkError as error:
                self.skipped.update((reader.name, error.problem) for reader in readers)
                return tuple(found)
            value = readers[0].tops[0]

    def before(self, product: FoldProduct) -> Tuple[PerChannel, ...]:
        """Return the layers before, as far as they fold."""
        found: list[PerChannel] = []
        value = product.layer.bottoms[0]
        while True:
            maker = self._network.producer(value)
            if maker is None or not maker.layer_type.is_per_channel:
                return tuple(found)
            try:
                step = self._member(maker, product, value, product.inputs())
                _refuse_uneven(step, product)
            except NetworkError as error:
                self.skipped[maker.name] = error.problem
                return tuple(found)
            found.insert(0, step)
            value = maker.bottoms[0]

    def refuse_ambiguous(self, layer: Layer) -> None:
        """Refuse a layer whose blobs or text are not its own alone.

        Raises:
            NetworkError: They are not.
        """
        if self._names.count(layer.name) > 1:
            raise NetworkError("its name stands in the prototxt more than once")
        for group in self._network.shared_parameters:
            owners = {member.name for member, _ in group.members}
            if layer.name in owners:
                others = ", ".join(sorted(owners - {layer.name})) or "itself"
                raise NetworkError(f"it shares the parameter {group.name!r} with {others}")

    def _member(self, layer: Layer, product: FoldProduct, between: Value, axis: Axis) -> PerChannel:
        """Read a neighbour; ``between`` is what is no longer made when it vanishes."""
        readers = self._network.consumers(between)
        if len(readers) > 1:
            who = " and ".join(reader.name for reader in readers)
            raise NetworkError(f"what is between it and {product.layer.name!r} is read by {who}")
        self.refuse_ambiguous(layer)
        self._refuse_other_phases(layer, product.layer)
        return per_channel(layer, self._model.blobs(layer.name), axis)

    def _refuse_other_phases(self, layer: Layer, other: Layer) -> None:
        if layer.text.field_texts(*_RULES) != other.text.field_texts(*_RULES):
            raise NetworkError(f"its rules of inclusion are not those of {other.name!r}")
        blobs = {value.blob for value in (*layer.bottoms, *layer.tops)}
        for text in self._unbuilt:
            if blobs.intersection(text.bottoms):
                raise NetworkError(f"{text.name!r}, of another phase, reads what it reads or makes")


def _refuse_uneven(step: PerChannel, product: FoldProduct) -> None:
    if np.any(step.shift) and not product.takes_shift:
        why = "overlaps its windows" if product.overlaps else "pads with zeros"
        raise NetworkError(
            f"it stands before {product.layer.name!r}, which {why}: what it adds does not reach "
            "every place alike"
        )
