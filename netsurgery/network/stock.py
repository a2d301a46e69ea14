"""A net in stock Caffe's words: what forks have under other names, for engines that lack those.

Nothing changes of what is computed: a twin of a stock type gets that type's name, `hole` becomes
`dilation`, and a layer that normalises and scales at once becomes a BatchNorm and a Scale.
"""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import (
    Blob,
    LayerWeights,
    Prototxt,
    Weights,
    fork_dilation,
    in_stock_fields,
    quote,
    upgrade_net,
)
from netsurgery.layers import (
    CONVOLUTION,
    DEPTHWISE,
    NORMALISING,
    Layer,
    NormalisationBlobs,
    eps_of,
    groups_of,
    places_of,
    why_not_frozen,
)
from netsurgery.network.graph import Network
from netsurgery.network.shapes import trace_shapes

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
    channels = _channels(network)
    taken = {*(value.blob for value in network.values), *(one.name for one in network.layers)}
    texts: Dict[int, bytes] = {}
    changes: Dict[str, Sequence[LayerWeights]] = {}
    for layer in network.layers:
        if not _differs(layer, missing):
            continue
        if layer.type in NORMALISING and _words(layer):
            found = _normalising(network, layer, weights, taken)
            if found is not None:
                texts[layer.text.index], blobs = found
                changes.update({layer.name: blobs} if blobs else {})
        else:
            fields = _fields(layer, missing, channels)
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
    if layer.type in NORMALISING:
        return f"make it a {' and a '.join(words)}, which compute the same"
    groups = "; it needs group: as many as channels" if layer.type in DEPTHWISE else ""
    return f"write type: {words[0]!r}, which computes the same{groups}"


def described(network: Network) -> List[str]:
    """Return what of a network is a fork's, and how stock Caffe would write it, a line each."""
    lines: Dict[str, List[str]] = {}
    for layer in network.layers:
        if layer.type != layer.kind:
            lines.setdefault(f"type {layer.type}, which is {layer.kind}", []).append(layer.name)
        elif layer.type in NORMALISING and _words(layer):
            what = " and ".join(_words(layer))
            lines.setdefault(f"type {layer.type} of a fork, which is {what}", []).append(layer.name)
        if layer.kind == CONVOLUTION and fork_dilation(layer.parameter.convolution_param):
            lines.setdefault("hole, which is dilation", []).append(layer.name)
    return [f"{what}: {', '.join(names)}" for what, names in lines.items()]


def _words(layer: Layer) -> Tuple[str, ...]:
    """The stock types that do the work of a layer; none where there are no such."""
    if layer.type not in NORMALISING:
        return () if layer.kind == layer.type else (layer.kind,)
    places = places_of(layer)
    if places is None or (layer.type == "BatchNorm" and places.scale is None):
        return ()
    if layer.type == "BN" and why_not_frozen(layer):
        return ()
    return ("Scale",) if places.mean is None else ("BatchNorm", "Scale")


def _is_otherwise(layer: Layer) -> bool:
    return bool(_words(layer)) or _has_other_fields(layer)


def _has_other_fields(layer: Layer) -> bool:
    """Whether a layer of a stock type has fields of forks that stock Caffe has other words for."""
    return fork_dilation(layer.parameter.convolution_param) is not None or _is_plainly_stock(layer)


def _is_plainly_stock(layer: Layer) -> bool:
    """Whether a BatchNorm says in NVIDIA's words that it is stock Caffe's: scale_bias: false."""
    says = layer.type == "BatchNorm" and layer.parameter.batch_norm_param.HasField("scale_bias")
    places = places_of(layer) if says else None
    return places is not None and places.scale is None


def _differs(layer: Layer, missing: FrozenSet[str]) -> bool:
    """Whether a layer has to be written in other words."""
    if _has_other_fields(layer):
        return True
    # Engines have a BatchNorm, but not that of every fork.
    return bool(_words(layer)) and (layer.type in missing or layer.type == "BatchNorm")


def _channels(network: Network) -> Dict[int, Optional[int]]:
    """How many channels each depthwise layer reads, by its index."""
    layers = [layer for layer in network.layers if layer.type in DEPTHWISE]
    shapes = trace_shapes(network)[0] if layers else {}
    found: Dict[int, Optional[int]] = {}
    for layer in layers:
        shape = shapes[layer.bottoms[0]]
        axis = layer.parameter.convolution_param.axis
        found[layer.index] = None if shape is None else shape[axis]
    return found


def _fields(
    layer: Layer, missing: FrozenSet[str], channels: Dict[int, Optional[int]]
) -> Dict[str, object]:
    fields: Dict[str, object] = {}
    parameter = layer.parameter.convolution_param
    if layer.type in missing:
        fields["type"] = layer.kind
        if layer.type in DEPTHWISE:
            groups = groups_of(layer.type, parameter, channels[layer.index])
            fields["convolution_param.group"] = groups
    for name, value in in_stock_fields(parameter).items():
        fields[f"convolution_param.{name}"] = value
    if _is_plainly_stock(layer):
        fields["batch_norm_param.scale_bias"] = None
    return fields


def _normalising(
    network: Network, layer: Layer, weights: Optional[Weights], taken: set[str]
) -> Optional[Tuple[bytes, List[LayerWeights]]]:
    """The text and the weights of the layers that stand in for one; None where there are none."""
    places = places_of(layer)
    assert places is not None, "there are no words for it"
    shared = {one.name for group in network.shared_parameters for one, _ in group.members}
    if layer.name in shared or len(network.find(layer.name)) > 1:
        return None
    scale = _free(f"{layer.name}_scale", taken) if places.mean is not None else layer.name
    held = weights.blobs(layer.name) if weights else ()
    blobs = _blobs(layer, scale, held) if held else []
    if held and not blobs:
        return None
    bottom, top = layer.bottoms[0].blob, layer.tops[0].blob
    if places.mean is None:
        return _scale(scale, bottom, top), blobs
    between = top if bottom == top else _free(f"{top}_normalised", taken)
    return _batch_norm(layer, bottom, between) + _scale(scale, between, top), blobs


def _blobs(layer: Layer, scale: str, held: Sequence[Blob]) -> List[LayerWeights]:
    """The blobs of the layers that stand in for one; none where its own are not as they should."""
    places = places_of(layer)
    if places is None or len(held) != places.blobs:
        return []
    arrays = [blob.array() for blob in held]

    def of(*places: Optional[int]) -> Tuple[Blob, ...]:
        return tuple(Blob.of(arrays[place].reshape(-1)) for place in places if place is not None)

    scaled = LayerWeights(scale, "Scale", of(places.scale, places.shift))
    if places.mean is None:
        return [scaled]
    factor = _factor(layer, arrays, places)
    normalised = (*of(places.mean, places.variance), Blob.of(np.array([factor], np.float32)))
    return [LayerWeights(layer.name, "BatchNorm", normalised), scaled]


def _factor(layer: Layer, arrays: Sequence[np.ndarray], places: NormalisationBlobs) -> float:
    """What mean and variance are divided by."""
    return float(arrays[places.factor].flat[0]) or 1.0 if places.factor is not None else 1.0


def _batch_norm(layer: Layer, bottom: str, top: str) -> bytes:
    parameter = layer.parameter.batch_norm_param
    eps = eps_of(layer)
    batch = parameter.HasField("use_global_stats") and not parameter.use_global_stats
    rest = b" use_global_stats: false" if batch else b""
    own = b" batch_norm_param { eps: %r%s } }\n" % (eps, rest)
    return _layer(layer.name, "BatchNorm", bottom, top) + own


def _scale(name: str, bottom: str, top: str) -> bytes:
    return _layer(name, "Scale", bottom, top) + b" scale_param { bias_term: true } }\n"


def _layer(name: str, kind: str, bottom: str, top: str) -> bytes:
    return b"layer { name: %s type: %s bottom: %s top: %s" % tuple(
        map(quote, (name, kind, bottom, top))
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name
