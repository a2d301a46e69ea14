"""Checks of the numbers in the weights: what no training leaves behind."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Tuple

import numpy as np

from netsurgery.formats import Blob
from netsurgery.layers import Layer
from netsurgery.network.doctor.patient import Finding, Patient, about, check
from netsurgery.network.facts import blob_name
from netsurgery.network.sharing import SharedParameter

_MAY_BE_ZERO = ("BatchNorm", "Bias", "PReLU")


class Numbers(NamedTuple):
    """What is to be known of the numbers of a blob.

    Attributes:
        nonfinite: How many are NaN or infinite.
        zero: Whether all are 0.
    """

    nonfinite: int
    zero: bool


def read_numbers(blob: Blob) -> Numbers:
    """Go through a blob once, without holding it in memory."""
    nonfinite, zero = 0, True
    for block in blob.blocks():
        nonfinite += block.size - int(np.isfinite(block).sum())
        zero = zero and not block.any()
    return Numbers(nonfinite, zero)


@check
def strange_numbers(patient: Patient) -> Iterator[Finding]:
    """NaN, infinity, and weights that are all zero."""
    for layer, blobs in _loaded(patient):
        for index, blob in enumerate(blobs):
            numbers = read_numbers(blob)
            name = blob_name(layer, index)
            if numbers.nonfinite:
                problem = f"{name} holds {numbers.nonfinite:,} NaN or infinite numbers"
                yield about(layer, "warning", problem, "train again, from a smaller rate")
            elif index == 0 and numbers.zero and layer.type not in _MAY_BE_ZERO:
                yield about(layer, "warning", f"{name} is all zero", "train the layer")


@check
def batch_norms(patient: Patient) -> Iterator[Finding]:
    """BatchNorm without statistics, or with a variance below zero."""
    for layer, blobs in _loaded(patient):
        if layer.type != "BatchNorm" or len(blobs) != 3 or blobs[2].count != 1:
            continue
        factor = float(blobs[2].array().ravel()[0])
        if factor == 0:
            problem = "blob 2 (scale factor) is 0: mean and variance count as 0"
            yield about(layer, "warning", problem, "train it, or set the factor to 1")
            continue
        lowest = float(blobs[1].array().min(initial=0)) / factor
        if lowest + layer.parameter.batch_norm_param.eps < 0:
            problem = f"blob 1 (variance) goes down to {lowest:.3g}: its root is NaN"
            yield about(layer, "warning", problem, "the file is damaged, or of another Caffe")


@check
def shared_copies(patient: Patient) -> Iterator[Finding]:
    """Copies of one shared blob that differ in the file."""
    for group in patient.network.shared_parameters:
        copies = _copies(patient, group)
        if any(not _same(copies[0][1], blob) for _, blob in copies[1:]):
            winner = copies[-1][0]
            names = ", ".join(repr(layer.name) for layer, _ in copies)
            problem = f"the copies of {group.name!r} in {names} differ; Caffe keeps the last one"
            yield about(winner, "warning", problem, "they are one blob: keep one of them")


def _copies(patient: Patient, group: SharedParameter) -> List[Tuple[Layer, Blob]]:
    """The copies of a shared blob in the file's order, which is the order of loading."""
    found = []
    for saved in patient.weights.layers if patient.weights else ():
        for layer, index in group.members:
            if layer.name == saved.name and index < len(saved.blobs) and saved.blobs[index].count:
                found.append((layer, saved.blobs[index]))
    return found


def _same(one: Blob, other: Blob) -> bool:
    return one.count == other.count and np.array_equal(
        one.array().ravel(), other.array().ravel(), equal_nan=True
    )


def _loaded(patient: Patient) -> Iterator[Tuple[Layer, Tuple[Blob, ...]]]:
    """The layers that find blobs in the weights."""
    for layer in patient.network.layers:
        blobs = patient.weights.blobs(layer.name) if patient.weights else ()
        if blobs:
            yield layer, blobs
