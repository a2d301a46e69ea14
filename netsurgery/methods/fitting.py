"""Layers factored so that least is lost of what they make of calibration inputs."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError
from netsurgery.linalg.moments import Moments
from netsurgery.linalg.responses import (
    Responses,
    Whole,
    as_it_is,
    cut,
    fitted_to_outputs,
    fitted_to_rows,
)
from netsurgery.methods.chain import Task
from netsurgery.methods.errands import Errand, find_errand
from netsurgery.methods.reconstruction import WIDEST
from netsurgery.network.graph import Layer
from netsurgery.network.model import Model

Matrices = Sequence[np.ndarray]
Biases = Sequence[Optional[np.ndarray]]

NONE, DATA, ASYMMETRIC = FITS = ("none", "data", "asymmetric")
"""For what a layer's factors are best: its weights; its outputs in the original; or what it made
there, of what it reads in the net as rewritten so far."""


def fit_outputs(task: Task, matrices: Matrices, split: str) -> List[Responses]:
    """Return for each group of a layer its matrix factored for the outputs it makes.

    Args:
        task: The layer, and the inputs.
        matrices: For each group its weights, shape (outputs, inputs), as windows are read.
        split: Which factor takes the scale, as in `truncated_svd`.

    Raises:
        PlanError: There are no inputs, or the layer shares its weights.
    """
    rows = [blob.array().ravel() for blob in task.model.blobs(task.edit.layer)[1:]]
    biases = np.split(rows[0].astype(np.float64), len(matrices)) if rows else [None] * len(matrices)
    if task.option("fit", FITS) == DATA:
        wholes = [as_it_is(*one) for one in zip(matrices, biases, _outputs_seen(task))]
    else:
        task.context.require_statistics(task.edit)
        errand = find_errand(task.model, task.edit, task.context)
        wholes = _fitted_anew(errand, matrices, biases)
    return [cut(whole, task.ranks[0], split, one) for whole, one in zip(wholes, matrices)]


def joined_bias(fits: Sequence[Responses]) -> Optional[np.ndarray]:
    """Return the bias of all groups, None where the layer has none."""
    biases = [fit.bias for fit in fits if fit.bias is not None]
    return np.concatenate(biases) if biases else None


def _fitted_anew(errand: Errand, matrices: Matrices, biases: Biases) -> List[Whole]:
    """Each group as it would be if no rank were cut, in the net as rewritten so far."""
    wide = errand.product.width > WIDEST
    fit = fitted_to_outputs if wide else fitted_to_rows
    return [fit(*one) for one in zip(matrices, biases, errand.moments(made=wide))]


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
