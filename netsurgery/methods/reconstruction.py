"""Let the channels that a thinned net keeps stand in for those that were cut, where they are read.

Least squares on what calibration inputs put there: of channels (He et al. 2017; Chee et al. 2022)
or of whole windows. Arithmetic in `netsurgery.linalg.compensation`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Optional, Sequence, Set, Tuple

import numpy as np

from netsurgery.calibration import Calibrator, entries_by_turn
from netsurgery.formats import LayerWeights
from netsurgery.layers import ROW_PRODUCTS, MatrixProduct
from netsurgery.linalg import Moments, reconstruction, refit, ridge_for
from netsurgery.network import MAKES, READS, ChannelGroup, Cut, Layer, Model, infer_shapes

Fitted = Tuple[np.ndarray, Optional[np.ndarray]]
COMPENSATIONS = ("none", "channels", "patches", "constants")
WIDEST = 6000
"""Longest row whose second moments are kept: 300 MB. Wider layers are fitted channel by channel."""


def compensate(
    model: Model,
    thinned: Model,
    group: ChannelGroup,
    keep: Sequence[int],
    kind: str,
    calibrator: Calibrator,
) -> Model:
    """Return the thinned model with those layers fitted that read the group's channels.

    Args:
        model: The model before.
        thinned: The model without the other channels.
        group: The group of channels that was cut.
        keep: The channels that stay.
        kind: ``"channels"`` or ``"patches"``.
        calibrator: Runs the model before.
    """
    stays = np.zeros(group.channels + 1, bool)
    stays[[*keep, -1]] = True  # -1 stands for what belongs to other groups
    readers = [
        cut
        for cut in group.members
        if cut.role == READS and cut.blob == 0 and _has_weights(model, cut.layer)
    ]
    narrow = _products(model, readers) if kind == "patches" else {}
    fitted: Dict[str, Fitted] = {}
    if narrow:
        moments = calibrator.products(model, [cut.layer for cut in narrow])
        for cut, product in narrow.items():
            seen = moments[cut.layer.name]
            fitted[cut.layer.name] = _fit_windows(model, cut, product, stays, seen)
    wide = [cut for cut in readers if cut not in narrow]
    if wide:
        observer = calibrator.channels(model, [group])[group.name]
        shared = _sharing(model)
        for cut in wide:
            # What several layers share is fitted to what they all read.
            alone = cut.layer.name not in shared
            own = observer.at(cut.layer.bottoms[0]) if alone else observer.moments
            if own is None or not own.count:
                continue  # What it reads holds one channel over and over: none can stand in.
            centred = alone and not _pads(cut)
            fitted[cut.layer.name] = _fold_channels(model, cut, stays, own, centred)
    whole = {name: _outputs_that_stay(group, name, stays, one) for name, one in fitted.items()}
    return _with_weights(thinned, whole)


def _outputs_that_stay(group: ChannelGroup, name: str, stays: np.ndarray, fitted: Fitted) -> Fitted:
    """A layer in a loop of a residual net may make channels of the group that it reads."""
    weights, bias = fitted
    for cut in group.members:
        if cut.layer.name == name and cut.role == MAKES and cut.blob == 0:
            runs = np.atleast_2d(stays[cut.channels])
            parts = np.split(weights, len(runs)) if len(runs) > 1 else [weights]
            cuts = [np.compress(run, part, cut.axis) for run, part in zip(runs, parts)]
            weights = np.concatenate(cuts)
            bias = None if bias is None else bias[runs.ravel()]
    return weights, bias


def _has_weights(model: Model, layer: Layer) -> bool:
    """Whether the file holds weights for it, or leaves them to the layer that shares them."""
    return any(blob.count for blob in model.blobs(layer.name)[:1])


def _products(model: Model, readers: Sequence[Cut]) -> Dict[Cut, MatrixProduct]:
    """The readers that can be fitted by themselves to whole windows."""
    shapes, shared = infer_shapes(model.network(), weights=model.weights), _sharing(model)
    found = {}
    for cut in readers:
        product = MatrixProduct.find(cut.layer, shapes[cut.layer.bottoms[0]])
        if product and product.width <= WIDEST and cut.layer.name not in shared:
            found[cut] = product
    return found


def _sharing(model: Model) -> Set[str]:
    """The layers whose weights are used more than once."""
    network = model.network()
    members = [layer for group in network.shared_parameters for layer, _ in group.members]
    more = [layer for layer in network.layers if len(layer.bottoms) > 1]
    return {layer.name for layer in (*members, *more)}


def _fit_windows(
    model: Model, cut: Cut, product: MatrixProduct, stays: np.ndarray, moments: Moments
) -> Fitted:
    weights, *bias = (blob.array() for blob in model.blobs(cut.layer.name))
    runs = np.broadcast_to(cut.channels, (product.groups, cut.channels.shape[-1]))
    found, shifts = [], []
    for matrix, run, seen in zip(product.matrices(weights), runs, moments.groups()):
        columns = np.repeat(stays[run], product.width // len(run))
        gram = seen.covariance if bias else seen.second
        matrix = matrix.astype(np.float64)
        ridge = ridge_for(int(columns.sum()), seen.count)
        kept = refit(
            matrix @ gram[:, columns], gram[np.ix_(columns, columns)], ridge, matrix[:, columns]
        )
        found.append(kept)
        shifts.append(matrix @ seen.mean - kept @ seen.mean[columns])
    return product.joined(found), bias[0].ravel() + np.concatenate(shifts) if bias else None


def _fold_channels(
    model: Model, cut: Cut, stays: np.ndarray, seen: Moments, centred: bool
) -> Fitted:
    weights, *bias = (blob.array().astype(np.float64) for blob in model.blobs(cut.layer.name))
    weights = weights.reshape(weights.shape[-cut.axes :])
    centred = centred and bool(bias)
    runs = np.atleast_2d(cut.channels)
    if cut.axis == 0:
        # Groups of a deconvolution divide what it reads, as a convolution's divide what it makes.
        groups = cut.layer.layer_type.groups(cut.layer.parameter.convolution_param)
        runs = runs.reshape(groups, -1)
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
    ridge = ridge_for(len(kept), seen.count)
    matrix, constant = reconstruction(
        seen.second[own], kept, ridge, seen.mean[read] if centred else None
    )
    folded, shift = weights.copy(), np.zeros(weights.shape[1:])
    gone = np.flatnonzero(~stays[read])
    for entries in entries_by_turn(run, len(stays) - 1):
        if (entries[read] < 0).any():
            continue  # Here not all are read by whose means one could stand in for another.
        lost = weights[entries[read[gone]]]
        folded[entries[read[kept]]] += np.tensordot(matrix[gone].T, lost, 1)
        if constant is not None:
            shift += np.tensordot(constant[gone], lost, 1)
    return folded[stays[run]], shift.reshape(len(shift), -1).sum(axis=1)


def _pads(cut: Cut) -> bool:
    """Whether zeros stand in for inputs somewhere, or inputs meet weights in another way."""
    kind = cut.layer.layer_type
    return kind.product not in ROW_PRODUCTS or kind.pads(cut.layer)


def _with_weights(model: Model, fitted: Dict[str, Fitted]) -> Model:
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
    return replace(model, weights=model.weights.replace(changes))
