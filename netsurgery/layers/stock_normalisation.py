"""How stock Caffe writes a layer that normalises and scales at once: a BatchNorm and a Scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import Blob, LayerWeights, one_line, quote
from netsurgery.layers.layer import Layer

if TYPE_CHECKING:
    from netsurgery.layers.normalising import NormalisationBlobs

Written = Tuple[bytes, List[LayerWeights]]


def in_stock_layers(
    layer: Layer,
    places: NormalisationBlobs,
    eps: float,
    held: Sequence[Blob],
    fresh: Callable[[str], str],
) -> Optional[Written]:
    """Return the text and the weights of the layers that stand in for one; None if none can.

    Args:
        layer: The layer.
        places: What its blobs are.
        eps: What it adds to the variance.
        held: Its blobs; () without weights.
        fresh: Makes a name that nobody has yet of one that somebody may have.
    """
    scale = fresh(f"{layer.name}_scale") if places.mean is not None else layer.name
    blobs = _blobs(layer, places, scale, held) if held else []
    if held and not blobs:
        return None
    bottom, top = layer.bottoms[0].blob, layer.tops[0].blob
    rates = _multipliers(layer, places)
    if places.mean is None:
        return _scale(scale, bottom, top, rates), blobs
    between = top if bottom == top else fresh(f"{top}_normalised")
    return _batch_norm(layer, eps, bottom, between) + _scale(scale, between, top, rates), blobs


def _blobs(
    layer: Layer, places: NormalisationBlobs, scale: str, held: Sequence[Blob]
) -> List[LayerWeights]:
    """The blobs of the layers that stand in for one; none where its own are not as they should."""
    if len(held) != places.blobs:
        return []
    arrays = [blob.array() for blob in held]

    def of(*wanted: Optional[int]) -> Tuple[Blob, ...]:
        return tuple(Blob.of(arrays[place].reshape(-1)) for place in wanted if place is not None)

    scaled = LayerWeights(scale, "Scale", of(places.scale, places.shift))
    if places.mean is None:
        return [scaled]
    factor = Blob.of(np.array([_factor(arrays, places)], np.float32))
    normalised = (*of(places.mean, places.variance), factor)
    return [LayerWeights(layer.name, "BatchNorm", normalised), scaled]


def _factor(arrays: Sequence[np.ndarray], places: NormalisationBlobs) -> float:
    """What mean and variance are divided by."""
    return float(arrays[places.factor].flat[0]) or 1.0 if places.factor is not None else 1.0


def _batch_norm(layer: Layer, eps: float, bottom: str, top: str) -> bytes:
    kind, rest = layer.layer_type, b""
    if kind.normalises_by_batch(layer):
        rest = b" use_global_stats: false"
    elif not kind.gathers_statistics(layer):
        rest = b" use_global_stats: true"
    own = b" batch_norm_param { eps: %r%s } }\n" % (eps, rest)
    return _layer(layer.name, "BatchNorm", bottom, top) + own


def _scale(name: str, bottom: str, top: str, multipliers: bytes) -> bytes:
    own = b" scale_param { bias_term: true } }\n"
    return _layer(name, "Scale", bottom, top) + multipliers + own


def _multipliers(layer: Layer, places: NormalisationBlobs) -> bytes:
    """What a layer says of how its scale and its shift are trained, where it says it of both."""
    given, wanted = layer.parameter.param, (places.scale, places.shift)
    if not all(place is not None and place < len(given) for place in wanted):
        return b""
    own = [one_line(given[place]) for place in wanted if place is not None]
    return b"".join(b" param { %s }" % one.encode("utf-8", "surrogateescape") for one in own)


def _layer(name: str, kind: str, bottom: str, top: str) -> bytes:
    return b"layer { name: %s type: %s bottom: %s top: %s" % tuple(
        map(quote, (name, kind, bottom, top))
    )
