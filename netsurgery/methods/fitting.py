"""Layers factored so that least is lost of what they make of calibration inputs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import PlanError, Remedy
from netsurgery.linalg import (
    FullRankSolution,
    Mixing,
    Moments,
    Responses,
    as_it_is,
    fit_rectified,
    fitted_to_outputs,
    fitted_to_rows,
    principal,
    stored,
)
from netsurgery.methods.chain import ChainTask
from netsurgery.methods.exchange import Context
from netsurgery.methods.fits import DATA, FITS, RELU
from netsurgery.network import Layer, Model, Value

if TYPE_CHECKING:
    from netsurgery.methods.reconstruction_targets import ReconstructionTarget

Matrices = Sequence[np.ndarray]
Biases = Sequence[Optional[np.ndarray]]


def fit_outputs(task: ChainTask, matrices: Matrices, split: str) -> List[Responses]:
    """Return for each group of a layer its matrix factored for the outputs it makes.

    Args:
        task: The layer, and the inputs.
        matrices: For each group its weights, shape (outputs, inputs), as windows are read.
        split: Which factor takes the scale, as in `truncated_svd`.

    Raises:
        PlanError: There are no inputs, or the layer shares its weights.
    """
    from netsurgery.methods.reconstruction_targets import biases_of, find_target

    biases = biases_of(task.model, task.edit.layer, len(matrices))
    fit, rank = task.option("fit", FITS), task.ranks[0]
    if fit == DATA:
        wholes = [as_it_is(*one) for one in zip(matrices, biases, _outputs_seen(task).groups())]
    else:
        task.context.require_calibrator(task.edit)
        target = find_target(task.model, task.edit, task.context)
        slope = _slope(target) if fit == RELU else 0.0
        wholes = _fitted_anew(target, matrices, biases)
    mixings = [principal(whole, rank) for whole in wholes]
    if fit == RELU:
        mixings = _rectified(target, wholes, mixings, slope)
    return [
        stored(whole, mixing, split, matrix)
        for whole, mixing, matrix in zip(wholes, mixings, matrices)
    ]


def joined_bias(fits: Sequence[Responses]) -> Optional[np.ndarray]:
    """Return the bias of all groups, None where the layer has none."""
    biases = [fit.bias for fit in fits if fit.bias is not None]
    return np.concatenate(biases) if biases else None


def _fitted_anew(
    target: ReconstructionTarget, matrices: Matrices, biases: Biases
) -> List[FullRankSolution]:
    """Each group as it would be if no rank were cut, in the net as rewritten so far."""
    from netsurgery.methods.reconstruction import WIDEST

    wide = target.product.width > WIDEST
    fit = fitted_to_outputs if wide else fitted_to_rows
    return [fit(*one) for one in zip(matrices, biases, target.moments(made=wide).groups())]


def _slope(target: ReconstructionTarget) -> float:
    """The slope below zero of the ReLU that alone reads a layer."""
    readers = target.network.consumers(target.layer.tops[0])
    slopes = [reader.layer_type.slope_below_zero(reader) for reader in readers]
    if len(slopes) == 1 and slopes[0] is not None:
        return slopes[0]
    others = " and ".join(f"{reader.type} {reader.name!r}" for reader in readers) or "no layer"
    raise PlanError(
        f"fit: relu is for layers that a ReLU alone reads, and it is read by {others}",
        layer=target.layer.name,
        remedy=Remedy(
            "give asymmetric as {}; or fold BatchNorm and Scale first ({})",
            *("fit", "fold_batchnorm"),
        ),
    )


def _rectified(
    target: ReconstructionTarget,
    wholes: Sequence[FullRankSolution],
    mixings: Sequence[Mixing],
    slope: float,
) -> List[Mixing]:
    """Mixings that lose less behind a ReLU, of what the layer makes as it would be uncut."""
    layer = target.filled([whole.matrix for whole in wholes], [whole.bias for whole in wholes])
    assert target.model.weights is not None
    weights = target.model.weights.replace({layer.name: [layer]})
    made, wanted = (
        np.split(side, len(wholes), axis=1)
        for side in target.rows(replace(target.model, weights=weights))
    )
    return [fit_rectified(*one, slope) for one in zip(made, wanted, mixings)]


def _outputs_seen(task: ChainTask) -> Moments:
    """Moments of what the layer makes: in the original, where edits before have spoilt nothing."""
    from netsurgery.methods.reconstruction_targets import shares_blobs

    calibrator = task.context.require_calibrator(task.edit)
    only = only_layer(task)
    if shares_blobs(task.model.network(), only):
        # A fit to outputs puts their mean in the bias, which would be that of another layer too.
        problem = "it shares its bias: it cannot be fitted to data"
        raise PlanError(problem, layer=task.edit.layer)
    unspoilt = in_original(only, task.context)
    model, layer = (task.model, only) if unspoilt is None else unspoilt
    return calibrator.outputs(model, [layer])[layer.name]


def only_layer(task: ChainTask) -> Layer:
    """Return the one layer that has the weights of a task.

    Raises:
        PlanError: There are several, or phase TEST has none.
    """
    names = {layer.name for layer in task.group}
    layers = [layer for layer in task.model.network().layers if layer.name in names]
    if len(layers) != 1:
        problem = "it shares its weights" if layers else "phase TEST is without it"
        raise PlanError(f"{problem}: it cannot be fitted to data", layer=task.edit.layer)
    return layers[0]


def is_unspoilt(model: Model, name: str, context: Context, reads: bool = False) -> bool:
    """Return whether a layer is in the original, with all that it makes.

    Args:
        model: The model.
        name: Of the layer.
        context: Knows the original.
        reads: With all that it reads, in place of what it makes.
    """
    found = model.network().find(name)
    return len(found) == 1 and in_original(found[0], context, reads) is not None


def in_original(
    layer: Layer, context: Context, reads: bool = False
) -> Optional[Tuple[Model, Layer]]:
    """Return the original, and the layer in it if it makes there what it makes now, all of it.

    Args:
        layer: Of the model as it is.
        context: Knows the original.
        reads: If it reads there what it reads now, in place of what it makes.
    """

    def first(one: Layer) -> Tuple[Value, ...]:
        return (one.bottoms if reads else one.tops)[:1]

    original, origin = context.original, context.origin(*first(layer))
    same = [
        other
        for other in original.network().find(layer.name)
        if (other.type, first(other)) == (layer.type, (origin.value,))
    ]
    return (original, same[0]) if same and origin.kept is None else None
