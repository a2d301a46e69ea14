"""Layers that weights lack, begun anew by their fillers, as Caffe does with weights of another net.

So a net is transferred to another task: all layers are known by their names but the last, which is
called otherwise.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from math import prod, sqrt
from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob, LayerWeights, Prototxt
from netsurgery.layers import Layer, Shape
from netsurgery.network.graph import Network
from netsurgery.network.model import Model
from netsurgery.network.parameters import blob_shapes, owners_of_shared

_FILLERS = ("weight_filler", "bias_filler")
"""Of the blobs of a layer that multiplies by its weights."""
_FAN_OUT, _AVERAGE = 1, 2


class Begun(NamedTuple):
    """A model of which some layers begin anew.

    Attributes:
        model: The model, with all blobs.
        layers: The layers that its weights lacked, in the order of the net.
    """

    model: Model
    layers: Tuple[str, ...]


def with_fillers(model: Model, training: Optional[Prototxt] = None, seed: int = 0) -> Begun:
    """Return a model in which layers that its weights lack hold what their fillers make.

    Args:
        model: The model.
        training: The text that it is trained by, whose fillers go before those of its own.
        seed: Of what is drawn, for each layer by itself; Caffe draws other numbers of the same
            distribution.

    Raises:
        NetworkError: The weights lack all layers.
        FormatError: They lack one that does not say how it begins.
    """
    weights, network = model.weights, model.network()
    if weights is None:
        return Begun(model, ())
    borrowed, shapes = owners_of_shared(network), blob_shapes(network)
    lacking, there = [], False
    for layer in network.layers:
        blobs = shapes.get(layer.name, ())
        if any((layer.name, index) not in borrowed for index in range(len(blobs))):
            there |= layer.name in weights
            if layer.name not in weights:
                lacking.append((layer, blobs))
    if not lacking:
        return Begun(model, ())
    if not there:
        raise NetworkError(
            "these weights hold none of the net's layers",
            file=weights.file,
            remedy="give those of a net that has some layers of the same names",
        )
    texts = [network] if training is None else [Network.of(training, "TRAIN"), network]
    made = [_begun(_text_of(layer, texts), blobs, seed) for layer, blobs in lacking]
    *_, last = weights.layers
    changed = weights.replace({last.name: [*weights.find(last.name), *made]})
    return Begun(replace(model, weights=changed), tuple(layer.name for layer, _ in lacking))


def _text_of(layer: Layer, networks: List[Network]) -> Layer:
    """The layer as the first of several texts has it."""
    return next(one for network in networks for one in network.find(layer.name))


def _begun(layer: Layer, shapes: Tuple[Shape, ...], seed: int) -> LayerWeights:
    """The blobs of a layer that begins anew."""
    kind = layer.layer_type
    parameter = getattr(layer.parameter, kind.message, None) if kind.message else None
    known = kind.product is not None and len(shapes) <= len(_FILLERS)
    if not known or parameter is None or not parameter.HasField(_FILLERS[0]):
        raise layer.text.error(
            f"({layer.type}) is not in the weights, and does not say how it begins",
            "see whether these weights belong to the net, or give the layer a weight_filler",
        )
    word = hashlib.sha256(f"{seed} {layer.name}".encode()).digest()
    random = np.random.RandomState(np.frombuffer(word, np.uint32))
    blobs = []
    for name, shape in zip(_FILLERS, shapes):
        values = fill(getattr(parameter, name), shape, random)
        if values is None:
            filler = getattr(parameter, name).type
            raise layer.text.error(
                f"is not in the weights, and begins by a filler that is not known here, {filler!r}",
                "take gaussian, xavier, msra, uniform, positive_unitball or constant",
            )
        blobs.append(Blob.of(values.astype(np.float32)))
    return LayerWeights(layer.name, layer.type, tuple(blobs))


def fill(filler: Any, shape: Shape, random: np.random.RandomState) -> Optional[np.ndarray]:
    """Return numbers as a filler of Caffe makes them, in float64; None for one that is not known.

    Args:
        filler: The FillerParameter.
        shape: Of the blob, outputs first.
        random: Draws them.
    """
    fan_in, fan_out = prod(shape[1:]), prod(shape[:1] + shape[2:])
    fan = {_FAN_OUT: fan_out, _AVERAGE: (fan_in + fan_out) / 2}.get(filler.variance_norm, fan_in)
    if filler.type == "constant":
        return np.full(shape, filler.value, float)
    if filler.type == "uniform":
        return random.uniform(filler.min, filler.max, shape)
    if filler.type == "xavier":  # Glorot and Bengio 2010
        return random.uniform(-sqrt(3 / fan), sqrt(3 / fan), shape)
    if filler.type == "msra":  # He et al. 2015
        return random.normal(0.0, sqrt(2 / fan), shape)
    if filler.type == "gaussian":
        values = random.normal(filler.mean, filler.std, shape)
        if filler.sparse >= 0:
            values *= random.uniform(size=shape) < min(1.0, filler.sparse / shape[0])
        return values
    if filler.type == "positive_unitball":
        drawn = random.uniform(size=shape).reshape(shape[0], -1)
        return (drawn / drawn.sum(axis=1, keepdims=True)).reshape(shape)
    return None
