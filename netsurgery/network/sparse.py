"""Which single weights of a model are free, and which are held at zero."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import LayerWeights
from netsurgery.layers import Product, layer_type
from netsurgery.network.model import Model
from netsurgery.network.parameters import owners_of_shared
from netsurgery.network.selecting import layers_selected

ParameterKey = Tuple[str, int]
"""A layer's name and the index of one of its blobs."""
Masks = Mapping[ParameterKey, np.ndarray]
"""For each blob that has one, True where a weight is free, False where it is held at zero."""


def prunable(
    model: Model, layers: Sequence[str] = ("*",), kept: Sequence[str] = ()
) -> Tuple[ParameterKey, ...]:
    """Return the weights that pruning may hold at zero: those of products, without biases.

    Of a blob that layers share, the owner's.

    Args:
        model: With weights.
        layers: Names, globs over names, or types, of which one must select a layer.
        kept: The same, of which none may.

    Returns:
        Their keys, in the order of the net.

    Raises:
        NetworkError: One of the words selects no layer that has such weights.
    """
    network = model.network()
    borrowed = owners_of_shared(network)
    found = [
        layer
        for layer in network.layers
        if layer_type(layer.type).product is not None
        and (layer.name, 0) not in borrowed
        and model.blobs(layer.name)
    ]
    what, file = "layer with weights to prune", model.prototxt.file
    spared = {layer.index for layer in layers_selected(found, kept, what, file)}
    chosen = layers_selected(found, layers, what, file)
    return tuple((layer.name, 0) for layer in chosen if layer.index not in spared)


def outputs_first(model: Model, key: ParameterKey, array: np.ndarray) -> np.ndarray:
    """Return numbers of some weights with outputs on axis 0 and inputs on axis 1, as a view.

    A blob may lie the other way round, and that of an old file has ones in front of a matrix.

    Args:
        model: The model.
        key: Weights of a product.
        array: Of the shape of the blob.
    """
    matrix, axes = _matrix(model, key, array)
    return np.moveaxis(matrix, axes, (0, 1))


def as_stored(model: Model, key: ParameterKey, array: np.ndarray) -> np.ndarray:
    """Return what `outputs_first` gives as the blob has it.

    Args:
        model: The model.
        key: Weights of a product.
        array: Outputs on axis 0, inputs on axis 1.
    """
    shape = model.blobs(key[0])[key[1]].shape
    _, axes = _matrix(model, key, np.empty(shape, bool))
    return np.moveaxis(array, (0, 1), axes).reshape(shape)


def _matrix(
    model: Model, key: ParameterKey, array: np.ndarray
) -> Tuple[np.ndarray, Tuple[int, int]]:
    """An array without ones in front, and its axes of outputs and of inputs."""
    name, index = key
    layer = model.network().find(name)[0]
    facts = layer.layer_type.describe_blobs(layer)[index]
    assert facts.outputs is not None
    assert facts.inputs is not None
    is_matrix = layer.layer_type.product is Product.DENSE
    matrix = array.reshape(array.shape[-2:]) if is_matrix else array
    return matrix, (facts.outputs, facts.inputs)


def masks_of(model: Model) -> Dict[ParameterKey, np.ndarray]:
    """Return the masks that the model's blobs carry."""
    return {
        (layer.name, index): blob.mask
        for layer in (model.weights.layers if model.weights else ())
        for index, blob in enumerate(layer.blobs)
        if blob.mask is not None
    }


def zeros_of(model: Model, keys: Sequence[ParameterKey]) -> Dict[ParameterKey, np.ndarray]:
    """Return the masks that weights ask for which are zero; of blobs without a zero, none."""
    found = {}
    for name, index in keys:
        free = model.blobs(name)[index].array() != 0
        if not free.all():
            found[name, index] = free
    return found


def with_masks(model: Model, masks: Masks) -> Model:
    """Return the model with masks on its blobs, and zeros under them.

    Args:
        model: With weights.
        masks: Of the shape of their blobs. Other blobs keep what they have, but for those that
            share the weights of one of these.

    Raises:
        NetworkError: One does not fit.
    """
    require_masks_fit(model, masks)
    assert model.weights is not None, "masks fit only what has weights"
    owners = owners_of_shared(model.network())
    sharers = {key: masks[owner] for key, owner in owners.items() if owner in masks}
    closed = {**{key: mask for key, mask in sharers.items() if model.blobs(key[0])}, **masks}
    changes: Dict[str, List[LayerWeights]] = {}
    for name in dict.fromkeys(name for name, _ in closed):
        *others, saved = model.weights.find(name)
        blobs = [
            blob.with_mask(closed[name, index]).masked() if (name, index) in closed else blob
            for index, blob in enumerate(saved.blobs)
        ]
        changes[name] = [*others, replace(saved, blobs=tuple(blobs))]
    return replace(model, weights=model.weights.replace(changes))


def sparsity_of(masks: Masks) -> float:
    """Return the share of the masked blobs' weights that is held at zero; 0 without any."""
    total = sum(mask.size for mask in masks.values())
    return 1 - sum(int(np.count_nonzero(mask)) for mask in masks.values()) / total if total else 0.0


def require_masks_fit(model: Model, masks: Masks) -> None:
    """See that every mask belongs to a blob, and has its shape.

    Raises:
        NetworkError: It does not; with the layer and both shapes.
    """
    for (name, index), mask in masks.items():
        blobs = model.blobs(name)
        if index >= len(blobs):
            raise NetworkError(
                f"there is a mask of blob {index}, but the weights hold {len(blobs)}",
                file=model.prototxt.file,
                layer=name,
                remedy="give the masks that were made for these weights",
            )
        if mask.shape != blobs[index].shape:
            raise NetworkError(
                f"the mask of blob {index} has shape {mask.shape}, the blob {blobs[index].shape}",
                file=model.prototxt.file,
                layer=name,
                remedy="give the masks that were made for these weights",
            )


def require_zero_under(model: Model, masks: Masks) -> None:
    """See that masks fit a model, and close nothing but zeros.

    Raises:
        NetworkError: They do not, with the layer.
    """
    require_masks_fit(model, masks)
    for (name, index), mask in masks.items():
        found = model.blobs(name)[index].with_mask(mask).count_unmasked()
        if found:
            closed = mask.size - int(np.count_nonzero(mask))
            raise NetworkError(
                f"its mask closes {closed} weights of blob {index}, and {found} of them are not "
                "zero",
                file=model.prototxt.file,
                layer=name,
                remedy="give the masks that were made for these weights",
            )
