"""Weights that stay as they are while a net is trained."""

from __future__ import annotations

from typing import Collection, Dict, List, Mapping, Sequence, Set, Tuple

from netsurgery.errors import RequestError
from netsurgery.formats import Prototxt, one_line, quoted
from netsurgery.network import Layer, Model, Network, ParameterKey, layers_selected

_STILL = "lr_mult: 0 decay_mult: 0"


def names_selected(network: Network, words: Sequence[str]) -> Tuple[str, ...]:
    """Return the layers that names, globs over names, or types select, in the order of the net.

    Args:
        network: The net.
        words: The words.

    Raises:
        NetworkError: A word selects none.
    """
    found = layers_selected(network.layers, words, "layer of the net", network.prototxt.file)
    return tuple(dict.fromkeys(layer.name for layer in found))


def frozen_text(prototxt: Prototxt, keys: Collection[ParameterKey]) -> Prototxt:
    """Return a text that trains none of some blobs: their multipliers are 0.

    Blobs that share memory with one of these stay, too: Caffe takes no other multiplier for them.

    Args:
        prototxt: A V2 text whose layers are all built.
        keys: The blobs.
    """
    network = Network.of(prototxt, "TRAIN")
    still: Dict[int, Set[int]] = {
        layer.index: {index for name, index in keys if name == layer.name}
        for layer in network.layers
    }
    for group in network.shared_parameters:
        if any(index in still[layer.index] for layer, index in group.members):
            for layer, index in group.members:
                still[layer.index].add(index)
    changes = {
        layer.text.index: _with_multipliers(layer, still[layer.index])
        for layer in network.layers
        if still[layer.index]
    }
    return prototxt.replace_layers(changes) if changes else prototxt


def _with_multipliers(layer: Layer, still: Set[int]) -> bytes:
    """A layer whose blobs have multipliers of 0, others those that they had."""
    given = layer.parameter.param
    lines: List[str] = []
    for index in range(max(len(given), max(still) + 1)):
        own = given[index] if index < len(given) else None
        if index not in still:
            lines.append(f"  param {{ {'' if own is None else one_line(own)} }}\n")
            continue
        name = f"name: {quoted(own.name)} " if own is not None and own.name else ""
        lines.append(f"  param {{ {name}{_STILL} }}\n")
    inside = layer.text.carried(exclude=("param",))
    return b"layer {\n" + inside + "".join(lines).encode("utf-8", "surrogateescape") + b"}"


def keys_of(layers: Collection[str], counts: Mapping[str, int]) -> Set[ParameterKey]:
    """Return all blobs of layers.

    Args:
        layers: Their names.
        counts: How many blobs each layer has.
    """
    return {(name, index) for name in layers for index in range(counts.get(name, 0))}


def new_layers(model: Model, original: Model) -> Tuple[str, ...]:
    """Return the layers with weights that a small net has not from its original as they were there.

    Args:
        model: The small net.
        original: The net that it was made of.

    Raises:
        RequestError: A net has no weights.
    """
    if model.weights is None or original.weights is None:
        raise RequestError("which layers are new is told from the weights of both nets")
    before = {layer.name: layer for layer in original.weights.layers if layer.blobs}
    return tuple(
        layer.name
        for layer in model.weights.layers
        if layer.blobs
        and not (
            layer.name in before
            and [blob.digest for blob in layer.blobs]
            == [blob.digest for blob in before[layer.name].blobs]
        )
    )


def only_new(model: Model, new: Collection[str]) -> Tuple[str, ...]:
    """Return the layers to freeze so that the new ones alone are trained.

    Args:
        model: The small net.
        new: Its new layers.

    Raises:
        RequestError: There is none.
    """
    if not new:
        raise RequestError(
            "no layer of this net is new: all have the weights of the original",
            remedy="train all of them, or give the compressed net",
        )
    layers = () if model.weights is None else model.weights.layers
    return tuple(one.name for one in layers if one.blobs and one.name not in new)
