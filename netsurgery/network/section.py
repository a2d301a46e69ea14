"""A part of a network as a network of its own: what leads from some values to others."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Sequence, Tuple

from netsurgery.formats import Prototxt
from netsurgery.layers import Layer, Value
from netsurgery.network.feeding import declaration
from netsurgery.network.graph import Network
from netsurgery.network.inplace import take_apart
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes

Shape = Tuple[int, ...]


class Section(NamedTuple):
    """Some layers of a network.

    Attributes:
        prototxt: They, and inputs in place of what others make.
        inputs: The values that are fed.
        layers: The layers, in their order.
    """

    prototxt: Prototxt
    inputs: Tuple[Value, ...]
    layers: Tuple[Layer, ...]


def cut_section(network: Network, known: Mapping[Value, Shape], wanted: Sequence[Value]) -> Section:
    """Return the layers that must run to make values of others.

    Args:
        network: A network in which no layer computes in place, see `take_apart`.
        known: Values that are there, and their shapes; all inputs of the network among them.
        wanted: Values to make.
    """
    missing = set(wanted) - set(known)
    layers: List[Layer] = []
    read: Dict[Value, None] = {}
    for layer in reversed(network.layers):
        if missing.isdisjoint(layer.tops):
            continue
        layers.append(layer)
        read.update((value, None) for value in layer.bottoms if value in known)
        missing.update(value for value in layer.bottoms if value not in known)
    layers.reverse()
    # What a layer makes beside what is missing is made again, known or not.
    made = {value for layer in layers for value in layer.tops}
    inputs = tuple(value for value in read if value not in made)
    text = b"".join(
        [
            *(declaration(value.blob, known[value]) for value in inputs),
            *(layer.text.text + b"\n" for layer in layers),
        ]
    )
    return Section(Prototxt.parse(text, network.prototxt.file), inputs, tuple(layers))


def without_what_follows(model: Model, wanted: Sequence[Value]) -> Tuple[Model, Tuple[Value, ...]]:
    """Return a model with those layers only that make some values.

    Args:
        model: The model.
        wanted: Values of its network.

    Returns:
        The smaller model, in which no layer computes in place, with those inputs that its layers
        read; and the values there.
    """
    apart = take_apart(model.network())
    network = Network.of(apart.prototxt)
    values = tuple(Value(apart.names[value]) for value in wanted)
    shapes = infer_shapes(network, weights=model.weights)
    inputs = {value: shapes[value] or () for value in network.inputs}
    return Model(cut_section(network, inputs, values).prototxt, model.weights), values
