"""Layers factored so that least is lost of what they make of calibration inputs."""

from __future__ import annotations

from typing import List, Optional, Sequence

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.linalg.moments import Moments
from netsurgery.linalg.responses import Responses, fit_responses
from netsurgery.methods.chain import Task

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
    statistics = task.context.require_statistics(task.edit)
    names = {layer.name for layer in task.group}
    layers = [layer for layer in task.model.network().layers if layer.name in names]
    if len(layers) != 1:
        problem = "it shares its weights" if layers else "phase TEST is without it"
        raise PlanError(f"{problem}: it cannot be fitted to data", layer=task.edit.layer)
    return statistics.outputs(task.model, layers)[layers[0].name]
