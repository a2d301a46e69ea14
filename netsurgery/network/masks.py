"""Weights of forks that prune by masks: the masks stand behind the blobs that they belong to.

Dynamic Network Surgery (Guo et al. 2016) and its kin multiply weights by masks in every forward
pass and save both. Stock Caffe refuses such a layer for its blobs too many.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob, LayerWeights
from netsurgery.layers import Layer, Shape
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes, parameter_shapes

# A solver that decays masks with the weights leaves 0.8945 of 1, and 1e-4 of 0 at most, in
# ../shared/zoo/autopruning_lenet; nothing lies between.
_CLOSED, _OPEN = 1e-3, 0.99


def without_masks(model: Model) -> Model:
    """Return the model with masked weights multiplied by their masks, and without the masks.

    A mask is a blob behind those that Caffe knows, of the shape of the blob it belongs to, in the
    same order: (weights, bias, mask of the weights), perhaps a mask of the bias. All its numbers
    are one number, which counts as it stands, or 0, up to a thousandth of the other. Layers
    without masks stay as they are.

    Raises:
        NetworkError: A blob too many has the shape of a mask, but other numbers.
    """
    if model.weights is None:
        return model
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    changes = {}
    for layer in network.layers:
        own = parameter_shapes(layer, [shapes[value] for value in layer.bottoms])
        found = [_applied(layer, saved, own) for saved in model.weights.find(layer.name)]
        if any(saved is not None for saved in found):
            changes[layer.name] = [saved for saved in found if saved is not None]
    return replace(model, weights=model.weights.replace(changes))


def _applied(
    layer: Layer, saved: LayerWeights, own: Optional[Sequence[Shape]]
) -> Optional[LayerWeights]:
    """The layer without masks; None where it has none."""
    blobs, masks = saved.blobs[: len(own or ())], saved.blobs[len(own or ()) :]
    alike = all(mask.shape == blob.shape for mask, blob in zip(masks, blobs))
    fits = [blob.count for blob in blobs] == [prod(shape) for shape in own or ()]
    if not masks or len(masks) > len(blobs) or not alike or not fits:
        return None
    masked = [blob.filled(blob.array() * _gates(layer, mask)) for blob, mask in zip(blobs, masks)]
    return LayerWeights(saved.name, layer.type, (*masked, *blobs[len(masked) :]))


def _gates(layer: Layer, mask: Blob) -> np.ndarray:
    """The numbers of a mask, with real zeros."""
    array = mask.array()
    highest = array.max(initial=0)
    closed = np.abs(array) <= _CLOSED * highest
    if not np.all(closed | (array >= _OPEN * highest)):
        raise NetworkError(
            "has a blob of the shape of its weights too many, which is no mask: its numbers are "
            "not one number or 0",
            layer=layer.name,
            remedy="see `netsurgery doctor`",
        )
    return np.where(closed, np.float32(0), array)
