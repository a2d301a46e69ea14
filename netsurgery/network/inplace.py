"""A network without in-place layers, so that every value can be asked for by name."""

from __future__ import annotations

from typing import Dict, NamedTuple, Sequence, Set

from netsurgery.formats import Edits, Prototxt, quote, upgrade_net
from netsurgery.layers import Layer, Value
from netsurgery.network.feeding import with_inputs
from netsurgery.network.graph import Network
from netsurgery.network.spreading import in_stock_form

_RULES = ("include", "exclude")


class Apart(NamedTuple):
    """A network taken apart.

    Attributes:
        prototxt: What the network's state builds, with one blob for each value.
        names: The blob that holds each value of the network.
    """

    prototxt: Prototxt
    names: Dict[Value, str]


def take_apart(network: Network) -> Apart:
    """Give every value of a network a blob of its own.

    The last value of a blob keeps the blob's name and earlier ones get a new one; but a net
    input always keeps its name, since that is what one feeds. Layers that the network's phase,
    level and stages leave out are gone, and so are the rules that say so: whoever loads the
    result gets the same layers. Where shapes of inputs are given, it declares these. A V0 net
    becomes V2, and an Eltwise that is spread over larger bottoms what computes the same in stock
    Caffe; all other text stays as it is.

    Raises:
        FormatError: A V0 net that Caffe could not upgrade either.
    """
    prototxt, names = network.derived(take_apart, lambda: _taken_apart(network))
    return Apart(prototxt, dict(names))


def as_built(network: Network) -> Prototxt:
    """Return the text of what a network's state builds; its layers may still compute in place.

    All else is as in `take_apart`.

    Raises:
        FormatError: A V0 net that Caffe could not upgrade either.
    """
    network = _sound(network)
    return _built(network, {value: value.blob for value in network.values})


def _taken_apart(network: Network) -> Apart:
    network = _sound(network)
    names = _names(network)
    return Apart(_built(network, names), names)


def _sound(network: Network) -> Network:
    if network.prototxt.version == "V0":
        network = network.rewritten(upgrade_net(network.prototxt, keep_unknown=True).prototxt)
    return in_stock_form(network)


def _built(network: Network, names: Dict[Value, str]) -> Prototxt:
    built = {layer.text.index for layer in network.layers}
    gone = {text.index: b"" for text in network.prototxt.layers if text.index not in built}
    prototxt = network.prototxt.replace_layers(gone) if gone else network.prototxt
    return with_inputs(_renamed(prototxt, network.layers, names), network)


def _names(network: Network) -> Dict[Value, str]:
    inputs = set(network.inputs)
    last = {value.blob: value for value in network.values}
    keeps = {blob: Value(blob) if Value(blob) in inputs else value for blob, value in last.items()}
    taken = set(last) | {layer.name for layer in network.layers}
    return {
        value: value.blob if value == keeps[value.blob] else _fresh(value, taken)
        for value in network.values
    }


def _fresh(value: Value, taken: Set[str]) -> str:
    name = f"{value.blob}_v{value.version}"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _renamed(prototxt: Prototxt, layers: Sequence[Layer], names: Dict[Value, str]) -> Prototxt:
    """The text of ``layers``, which are all there are, with new blob names and no rules."""
    edits = Edits(prototxt.data)
    for text, layer in zip(prototxt.layers, layers):
        for field, values in (("bottom", layer.bottoms), ("top", layer.tops)):
            for place, value in zip(text.block.values(field), values):
                if names[value] != value.blob:
                    edits.replace(place.start, place.end, quote(names[value]))
        for rule in _RULES:
            for rule_field in text.block.all(rule):
                edits.remove_field(rule_field.start, rule_field.end)
    return Prototxt.parse(edits.result(), prototxt.file) if edits.edits else prototxt
