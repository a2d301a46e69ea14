"""From one format of weights to another, as the net they belong to wants them."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from netsurgery.errors import FormatError
from netsurgery.formats.blob import SHARED, Blob, LayerWeights
from netsurgery.formats.half import HALF
from netsurgery.formats.weights import Weights

Shapes = Mapping[str, Sequence[Sequence[int]]]
Shared = Mapping[tuple[str, int], tuple[str, int]]


def convert_weights(
    weights: Weights,
    format: str,  # noqa: A002
    *,
    shapes: Optional[Shapes] = None,
    shared: Optional[Shared] = None,
) -> Weights:
    """Weights of the same numbers, each stored as it was, in another format.

    Args:
        weights: What to convert.
        format: ``"caffemodel"`` (always version V2) or ``"hdf5"``.
        shapes: For each layer the shapes its blobs have in the net. Legacy blobs take them over;
            HDF5 cannot do without, as Caffe compares shapes there exactly.
        shared: For each parameter that the net shares, as (layer, index), the one that owns it.
            HDF5 holds the owner only, a caffemodel a copy with every user.

    Raises:
        FormatError: A blob does not fit the net, or the owner of a shared one is not there.
    """
    layers = [_shaped(layer, shapes or {}) for layer in weights.layers]
    if format == "hdf5":
        layers = [_without_shared(layer, shared or {}) for layer in layers]
        return Weights(
            layers, name=weights.name, format="hdf5", file=weights.file, gzip=weights.gzip
        )
    owners = {layer.name: layer for layer in layers}
    layers = [_with_shared(layer, owners, shared or {}) for layer in layers]
    return Weights.of(layers, weights.name)


def in_float32(weights: Weights) -> Weights:
    """The weights with what is in float16 as float32, which stock Caffe reads from a caffemodel."""
    half = {layer.name for layer in weights.layers if any(b.storage == HALF for b in layer.blobs)}
    return weights.replace({name: list(map(_in_float32, weights.find(name))) for name in half})


def _in_float32(layer: LayerWeights) -> LayerWeights:
    blobs = tuple(b.rounded("<f4") if b.storage == HALF else b for b in layer.blobs)
    return LayerWeights(layer.name, layer.type, blobs)


def _shaped(layer: LayerWeights, shapes: Shapes) -> LayerWeights:
    if layer.name not in shapes:
        return layer
    wanted = shapes[layer.name]
    blobs = [
        _shape_one(layer.name, index, blob, wanted[index]) if index < len(wanted) else blob
        for index, blob in enumerate(layer.blobs)
    ]
    return LayerWeights(layer.name, layer.type, tuple(blobs))


def _shape_one(layer: str, index: int, blob: Blob, shape: Sequence[int]) -> Blob:
    if blob is SHARED:
        return blob
    if not blob.fits(shape):
        raise FormatError(
            f"blob {index} has shape {blob.shape}, but the net wants {tuple(shape)}", layer=layer
        )
    return blob.reshape(shape)


def _without_shared(layer: LayerWeights, shared: Shared) -> LayerWeights:
    blobs = [
        SHARED if (layer.name, index) in shared else blob for index, blob in enumerate(layer.blobs)
    ]
    return LayerWeights(layer.name, layer.type, tuple(blobs))


def _with_shared(
    layer: LayerWeights, owners: Mapping[str, LayerWeights], shared: Shared
) -> LayerWeights:
    indices = [index for name, index in shared if name == layer.name]
    count = max([len(layer.blobs), *(index + 1 for index in indices)])
    blobs = [_own(layer, index, owners, shared) for index in range(count)]
    return LayerWeights(layer.name, layer.type, tuple(blobs))


def _own(
    layer: LayerWeights, index: int, owners: Mapping[str, LayerWeights], shared: Shared
) -> Blob:
    """The blob itself, or its owner's."""
    if index < len(layer.blobs) and layer.blobs[index] is not SHARED:
        return layer.blobs[index]
    owner, place = shared.get((layer.name, index), ("", 0))
    if owner in owners and place < len(owners[owner].blobs):
        return owners[owner].blobs[place]
    raise FormatError(
        f"blob {index} is not in the file: the layer shares it with another",
        layer=layer.name,
        remedy="convert with the prototxt",
    )
