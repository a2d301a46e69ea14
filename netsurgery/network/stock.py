"""A net in stock Caffe's words: what forks have under other names, for engines that lack those.

Nothing changes of what is computed: a twin of a stock type gets that type's name, `hole` becomes
`dilation`, and a layer that normalises and scales at once becomes a BatchNorm and a Scale.
"""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from netsurgery.formats import (
    LayerWeights,
    Prototxt,
    Weights,
    upgrade_net,
)
from netsurgery.layers import (
    Layer,
)
from netsurgery.network.graph import Network
from netsurgery.network.names import fresh_name, names_taken
from netsurgery.network.shapes import Shapes, trace_shapes

Lacks = Callable[[Iterable[str]], Sequence[str]]


class Translation(NamedTuple):
    """A net in stock Caffe's words.

    Attributes:
        prototxt: Its text.
        weights: Its weights, or None.
    """

    prototxt: Prototxt
    weights: Optional[Weights]


def is_otherwise(network: Network) -> bool:
    """Return whether a network has anything that stock Caffe has under other names."""
    return any(map(_is_otherwise, network.layers))


def lacking(network: Network, lacks: Lacks) -> List[str]:
    """Return the layer types of a network that an engine has not, and none in whose words either.

    Args:
        network: The network.
        lacks: Answers those of some types that the engine has not.
    """
    layers = [layer for layer in network.layers if not network.stands_in(layer)]
    missing = set(lacks(sorted({layer.type for layer in layers})))
    words = {(layer.type, _words(layer)) for layer in layers if layer.type in missing}
    return sorted({name for name, other in words if not other or lacks(other)})


def in_stock_words(network: Network, weights: Optional[Weights], lacks: Lacks) -> Translation:
    """Return a net as an engine that lacks a fork's layers and fields can run it.

    A layer for which there are no such words stays as it is.

    Args:
        network: The net.
        weights: Its weights.
        lacks: Answers those of some types that the engine has not.
    """
    missing = frozenset(lacks(sorted({layer.type for layer in network.layers if _words(layer)})))
    if not any(_differs(layer, missing) for layer in network.layers):
        return Translation(network.prototxt, weights)
    if network.prototxt.version != "V2":
        network = network.rewritten(upgrade_net(network.prototxt, keep_unknown=True).prototxt)
    renamed = any(layer.layer_type.stock for layer in network.layers)
    shapes = trace_shapes(network)[0] if renamed else {}
    taken = names_taken(network)
    texts: Dict[int, bytes] = {}
    changes: Dict[str, Sequence[LayerWeights]] = {}
    for layer in network.layers:
        if not _differs(layer, missing):
            continue
        if _in_several(layer):
            found = _several(network, layer, weights, taken)
            if found is not None:
                texts[layer.text.index], blobs = found
                changes.update({layer.name: blobs} if blobs else {})
        else:
            fields = _fields(layer, missing, shapes)
            texts[layer.text.index] = layer.text.edited(fields=fields)
    return Translation(
        network.prototxt.replace_layers(texts),
        weights.replace(changes) if weights is not None and changes else weights,
    )


def remedy(layer: Layer) -> Optional[str]:
    """Say how stock Caffe writes a layer of a fork's type, or None where it has no words for it."""
    words = _words(layer)
    if not words:
        return None
    if _in_several(layer):
        return f"make it a {' and a '.join(words)}, which compute the same"
    return f"write type: {words[0]!r}, which computes the same{layer.layer_type.stock_needs}"


def described(network: Network) -> List[str]:
    """Return what of a network is a fork's, and how stock Caffe would write it, a line each."""
    lines: Dict[str, List[str]] = {}
    for layer in network.layers:
        if layer.type != layer.kind:
            lines.setdefault(f"type {layer.type}, which is {layer.kind}", []).append(layer.name)
        elif _in_several(layer):
            what = " and ".join(_words(layer))
            lines.setdefault(f"type {layer.type} of a fork, which is {what}", []).append(layer.name)
        fields = layer.layer_type.describe_fork_fields(layer)
        if fields:
            lines.setdefault(fields, []).append(layer.name)
    return [f"{what}: {', '.join(names)}" for what, names in lines.items()]


def _words(layer: Layer) -> Tuple[str, ...]:
    return layer.layer_type.stock_words(layer)


def _in_several(layer: Layer) -> bool:
    """Whether stock Caffe has no layer that computes the same, but several, or one of its kind."""
    words = _words(layer)
    return bool(words) and words != (layer.kind,)


def _is_otherwise(layer: Layer) -> bool:
    return bool(_words(layer) or layer.layer_type.stock_fields(layer))


def _differs(layer: Layer, missing: FrozenSet[str]) -> bool:
    """Whether a layer has to be written in other words."""
    if layer.layer_type.stock_fields(layer):
        return True
    words = _words(layer)
    # Engines have a BatchNorm, but not that of every fork.
    return bool(words) and (layer.type in missing or layer.type in words)


def _fields(layer: Layer, missing: FrozenSet[str], shapes: Shapes) -> Dict[str, object]:
    fields: Dict[str, object] = {}
    if layer.type in missing:
        fields["type"] = layer.kind
        bottom = shapes.get(layer.bottoms[0]) if layer.bottoms else None
        fields.update(layer.layer_type.renamed_fields(layer, bottom))
    fields.update(layer.layer_type.stock_fields(layer))
    return fields


def _several(
    network: Network, layer: Layer, weights: Optional[Weights], taken: set[str]
) -> Optional[Tuple[bytes, List[LayerWeights]]]:
    """The text and the weights of the layers that stand in for one; None where there are none."""
    shared = {one.name for group in network.shared_parameters for one, _ in group.members}
    if layer.name in shared or len(network.find(layer.name)) > 1:
        return None
    held = weights.blobs(layer.name) if weights else ()
    return layer.layer_type.stock_layers(layer, held, lambda name: fresh_name(name, taken))
