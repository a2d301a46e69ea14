"""Trained numbers put back into the net that is used."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import EngineError
from netsurgery.formats import SHARED, Blob, LayerWeights, mostly_half, stored_alike
from netsurgery.network import Masks, Model, owners_of_shared, with_masks
from netsurgery.training.training_net import TrainingNet


def deployed_model(
    model: Model, arrays: Mapping[str, Sequence[np.ndarray]], masks: Optional[Masks] = None
) -> Model:
    """Return a model with trained numbers in place of its own.

    A blob whose numbers did not move stays what it is, to the byte, and so does a layer of which
    none moved. Others are stored as they were: in float16 where they were, as far as it holds them.

    Args:
        model: The net before.
        arrays: Float32 arrays of layers, in Caffe's order; what the model does not have, as the
            layers of a loss, is passed over.
        masks: Which weights are free; the blobs carry them, and zeros where they close.

    Raises:
        EngineError: A layer has another number of blobs, or of numbers in one.
        NetworkError: A mask does not fit.
    """
    weights = model.weights
    if weights is None:
        return model
    changes: Dict[str, Sequence[LayerWeights]] = {}
    before: Dict[str, Sequence[Blob]] = {}
    for name, moved in _with_sharers(model, arrays).items():
        *others, old = weights.find(name) or (None,)
        new = None if old is None else _moved(old, moved)
        if old is not None and new is not None:
            changes[name], before[name] = [*others, new], old.blobs
    stored = stored_alike(changes, before, lambda: mostly_half(weights.layers))
    made = replace(model, weights=weights.replace(stored)) if stored else model
    return with_masks(made, masks) if masks else made


def arrays_of(
    net: TrainingNet, arrays: Mapping[str, Sequence[np.ndarray]]
) -> Dict[str, Sequence[np.ndarray]]:
    """Return the arrays of the layers that were trained: others may be known by other names.

    Args:
        net: What was trained.
        arrays: All that came back.

    Raises:
        EngineError: A layer that was trained did not come back, and borrows nothing.
    """
    borrowed = owners_of_shared(net.deploy.network())
    found: Dict[str, Sequence[np.ndarray]] = {}
    for name in net.trained:
        if name in arrays:
            found[name] = arrays[name]
        elif (name, 0) not in borrowed:
            raise EngineError("was trained, and did not come back from there", layer=name)
    return found


def _with_sharers(
    model: Model, arrays: Mapping[str, Sequence[np.ndarray]]
) -> Dict[str, Sequence[np.ndarray]]:
    """The arrays with those of layers that share some: a file holds them once for each layer."""
    found: Dict[str, List[np.ndarray]] = {name: list(blobs) for name, blobs in arrays.items()}
    for (layer, index), (owner, of_owner) in owners_of_shared(model.network()).items():
        if owner in arrays and index < len(model.blobs(layer)):
            held = found.setdefault(layer, [blob.array() for blob in model.blobs(layer)])
            held[index] = arrays[owner][of_owner]
    return dict(found)


def _moved(old: LayerWeights, arrays: Sequence[np.ndarray]) -> Optional[LayerWeights]:
    """A layer with other numbers; None where it has the same."""
    if not old.blobs:
        return None
    if len(arrays) < len(old.blobs):
        raise EngineError(
            f"has {len(old.blobs)} blobs, and {len(arrays)} where it was trained", layer=old.name
        )
    blobs = [
        blob if blob is SHARED else _filled(old.name, blob, array)
        for blob, array in zip(old.blobs, arrays)
    ]
    if all(new is blob for new, blob in zip(blobs, old.blobs)):
        return None
    return LayerWeights(old.name, old.type, tuple(blobs))


def _filled(layer: str, blob: Blob, array: np.ndarray) -> Blob:
    if array.size != math.prod(blob.shape):
        raise EngineError(
            f"a blob of shape {blob.shape} came back from training with {array.size} numbers",
            layer=layer,
        )
    before = blob.array()
    same = np.array_equal(before.ravel(), np.ravel(array), equal_nan=True)
    return blob if same else blob.filled(array)


def moved_layers(before: Model, after: Model) -> Tuple[str, ...]:
    """Return the layers whose numbers are others in a trained net, in the order of its file."""
    if before.weights is None or after.weights is None:
        return ()
    old = {layer.name: layer for layer in before.weights.layers}
    return tuple(layer.name for layer in after.weights.layers if old.get(layer.name) is not layer)
