"""Let the channels that a thinned net keeps stand in for those that were cut, where they are read.

Least squares on what calibration inputs put there: of channels (He et al. 2017; Chee et al. 2022)
or of whole windows. Arithmetic in `netsurgery.linalg.compensation`.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.calibration.gauges import entries_by_turn
from netsurgery.calibration.statistics import Statistics
from netsurgery.formats.weights import LayerWeights
from netsurgery.linalg.compensation import reconstruction, refit
from netsurgery.linalg.moments import Moments
from netsurgery.network.channels import ChannelGroup, Cut
from netsurgery.network.channels.base import READS
from netsurgery.network.matrix_product import TYPES, MatrixProduct
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes

COMPENSATIONS = ("none", "channels", "patches", "constants")
WIDEST = 6000
"""Longest row whose second moments are kept: 300 MB. Wider layers are fitted channel by channel."""

RIDGE = 1e-3
"""Share of the mean square of the inputs that holds fitted weights to where they were: inputs not
seen in calibration differ that much at least."""


def compensate(
    model: Model,
    thinned: Model,
    group: ChannelGroup,
    keep: Sequence[int],
    kind: str,
    statistics: Statistics,
) -> Model:
    """Return the thinned model with those layers fitted that read the group's channels.

    Args:
        model: The model before.
        thinned: The model without the other channels.
        group: The group of channels that was cut.
        keep: The channels that stay.
        kind: ``"channels"`` or ``"patches"``.
        statistics: Runs the model before.
    """
    stays = np.zeros(group.channels + 1, bool)
    stays[[*keep, -1]] = True  # -1 stands for what belongs to other groups
    readers = [cut for cut in group.members if cut.role == READS and cut.blob == 0]
    fitted: Dict[str, Tuple[np.ndarray, Optional[np.ndarray]]] = {}
    wide = [] if kind == "patches" else readers
    narrow: List[Tuple[Cut, MatrixProduct]] = []
    for cut in readers if kind == "patches" else ():
        product = _product(model, cut)
        if product is None or product.width > WIDEST:
            wide.append(cut)
        else:
            narrow.append((cut, product))
    if narrow:
        moments = statistics.products(model, [cut.layer for cut, _ in narrow])
        for cut, product in narrow:
            fitted[cut.layer.name] = _fit_windows(
                model, cut, product, stays, moments[cut.layer.name]
            )
    if wide:
        seen = statistics.channels(model, [group])[group.name].moments
        for cut in wide:
            fitted[cut.layer.name] = _fold_channels(model, cut, stays, seen)
    return _with_weights(thinned, fitted)


def _product(model: Model, cut: Cut) -> Optional[MatrixProduct]:
    if cut.layer.type not in TYPES:
        return None
    shapes = infer_shapes(model.network(), weights=model.weights)
    return MatrixProduct(cut.layer, shapes[cut.layer.bottoms[0]] or ())


def _fit_windows(
    model: Model, cut: Cut, product: MatrixProduct, stays: np.ndarray, moments: Sequence[Moments]
) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    weights, *bias = (blob.array() for blob in model.blobs(cut.layer.name))
    runs = np.broadcast_to(cut.channels, (product.groups, cut.channels.shape[-1]))
    found, shifts = [], []
    for matrix, run, seen in zip(product.matrices(weights), runs, moments):
        columns = np.repeat(stays[run], product.width // len(run))
        gram = seen.covariance if bias else seen.second
        matrix = matrix.astype(np.float64)
        kept = refit(
            matrix @ gram[:, columns], gram[np.ix_(columns, columns)], RIDGE, matrix[:, columns]
        )
        found.append(kept)
        shifts.append(matrix @ seen.mean - kept @ seen.mean[columns])
    return product.joined(found), bias[0].ravel() + np.concatenate(shifts) if bias else None


def _fold_channels(
    model: Model, cut: Cut, stays: np.ndarray, seen: Moments
) -> Tuple[np.ndarray, Optional[np.ndarray]]:
    weights, *bias = (blob.array().astype(np.float64) for blob in model.blobs(cut.layer.name))
    weights = weights.reshape(weights.shape[-cut.axes :])
    centred = bool(bias) and not _pads(cut)
    runs = np.atleast_2d(cut.channels)
    parts, shifts = [], []
    for part, run in zip(np.split(weights, len(runs)) if len(runs) > 1 else [weights], runs):
        folded, shift = _fold_run(np.moveaxis(part, cut.axis, 0), run, stays, seen, centred)
        parts.append(np.moveaxis(folded, 0, cut.axis))
        shifts.append(shift)
    whole = np.concatenate(parts)
    return whole, bias[0].ravel() + np.concatenate(shifts) if centred else None


def _fold_run(
    weights: np.ndarray, run: np.ndarray, stays: np.ndarray, seen: Moments, centred: bool
) -> Tuple[np.ndarray, np.ndarray]:
    """Fold weights whose first axis is read; also return what the means add to each output."""
    read = np.unique(run[run >= 0])
    kept = np.flatnonzero(stays[read]).tolist()
    own = np.ix_(read, read)
    matrix, constant = reconstruction(
        seen.second[own], kept, RIDGE, seen.mean[read] if centred else None
    )
    folded, shift = weights.copy(), np.zeros(weights.shape[1:])
    gone = np.flatnonzero(~stays[read])
    for entries in entries_by_turn(run, len(stays) - 1):
        lost = weights[entries[read[gone]]]
        folded[entries[read[kept]]] += np.tensordot(matrix[gone].T, lost, 1)
        if constant is not None:
            shift += np.tensordot(constant[gone], lost, 1)
    return folded[stays[run]], shift.reshape(len(shift), -1).sum(axis=1)


def _pads(cut: Cut) -> bool:
    """Whether zeros stand in for inputs somewhere, or inputs meet weights in another way."""
    if cut.layer.type not in TYPES:
        return True
    parameter = cut.layer.parameter.convolution_param
    return bool(any(parameter.pad) or parameter.pad_h or parameter.pad_w)


def _with_weights(
    model: Model, fitted: Dict[str, Tuple[np.ndarray, Optional[np.ndarray]]]
) -> Model:
    assert model.weights is not None
    changes = {}
    for name, (weights, bias) in fitted.items():
        first, *rest = model.blobs(name)
        blobs = [first.filled(weights), *rest]
        if bias is not None:
            blobs[1] = rest[0].filled(bias)
        changes[name] = [
            LayerWeights(layer.name, layer.type, tuple(blobs)) for layer in model.weights.find(name)
        ]
    return Model(model.prototxt, model.weights.replace(changes))
