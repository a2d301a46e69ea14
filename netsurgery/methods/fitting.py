"""Layers factored so that least is lost of what they make of calibration inputs."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.linalg.moments import Moments
from netsurgery.linalg.responses import Responses, fit_responses
from netsurgery.methods.chain import Task
from netsurgery.network.graph import Layer
from netsurgery.network.model import Model

FITS = ("none", "data")


def fit_outputs(task: Task, matrices: Sequence[np.ndarray], split: str) -> List[Responses]:
    """Return for each group of a layer its matrix factored for the outputs it makes.

    Args:
        task: The layer, and the inputs.
        matrices: For each group its weights, shape (outputs, inputs).
        split: Which factor takes the scale, as in `truncated_svd`.

    Raises:
        PlanError: There are no inputs, or the layer shares its weights.
    """
    rows = [blob.array().ravel() for blob in task.model.blobs(task.edit.layer)[1:]]
    biases = np.split(rows[0].astype(np.float64), len(matrices)) if rows else [None] * len(matrices)
    return [
        fit_responses(matrix, bias, seen, task.ranks[0], split)
        for matrix, bias, seen in zip(matrices, biases, _outputs_seen(task))
    ]


def joined_bias(fits: Sequence[Responses]) -> Optional[np.ndarray]:
    """Return the bias of all groups, None where the layer has none."""
    biases = [fit.bias for fit in fits if fit.bias is not None]
    return np.concatenate(biases) if biases else None


def _outputs_seen(task: Task) -> List[Moments]:
    """Moments of what the layer makes: in the original, where edits before have spoilt nothing."""
    statistics = task.context.require_statistics(task.edit)
    names = {layer.name for layer in task.group}
    layers = [layer for layer in task.model.network().layers if layer.name in names]
    if len(layers) != 1:
        problem = "it shares its weights" if layers else "phase TEST is without it"
        raise PlanError(f"{problem}: it cannot be fitted to data", layer=task.edit.layer)
    model, layer = _unspoilt(task, layers[0])
    return statistics.outputs(model, [layer])[layer.name]


def _unspoilt(task: Task, layer: Layer) -> Tuple[Model, Layer]:
    """The layer in the original, if it is there with all its outputs; else as it is."""
    original, origin = task.context.original, task.context.origin(layer.tops[0])
    same = [
        other
        for other in original.network().layers
        if (other.name, other.type, other.tops[:1]) == (layer.name, layer.type, (origin.value,))
    ]
    if origin.kept is not None or not same:
        return task.model, layer
    return original, same[0]
