"""Checks of the numbers in the weights: what no training leaves behind."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Tuple

import numpy as np

from netsurgery.formats import Blob
from netsurgery.layers import Layer
from netsurgery.network.doctor.checked_model import CheckedModel, Finding, about, check
from netsurgery.network.sharing import SharedParameter


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
def strange_numbers(checked: CheckedModel) -> Iterator[Finding]:
    """NaN, infinity, and weights that are all zero."""
    for layer, blobs in _loaded(checked):
        for index, blob in enumerate(blobs):
            numbers = read_numbers(blob)
            name = layer.layer_type.name_blob(layer, index)
            if numbers.nonfinite:
                problem = f"{name} holds {numbers.nonfinite:,} NaN or infinite numbers"
                yield about(layer, "warning", problem, "train again, from a smaller rate")
            elif index == 0 and numbers.zero and not layer.layer_type.may_be_zero:
                yield about(layer, "warning", f"{name} is all zero", "train the layer")


@check
def strange_blobs(checked: CheckedModel) -> Iterator[Finding]:
    """Blobs with which a layer computes nonsense: each layer type knows its own."""
    for layer, blobs in _loaded(checked):
        for one in layer.layer_type.blob_troubles(layer, blobs):
            yield about(layer, one.severity, one.problem, one.remedy)


@check
def shared_copies(checked: CheckedModel) -> Iterator[Finding]:
    """Copies of one shared blob that differ in the file."""
    for group in checked.network.shared_parameters:
        copies = _copies(checked, group)
        if any(not _same(copies[0][1], blob) for _, blob in copies[1:]):
            winner = copies[-1][0]
            names = ", ".join(repr(layer.name) for layer, _ in copies)
            problem = f"the copies of {group.name!r} in {names} differ; Caffe keeps the last one"
            yield about(winner, "warning", problem, "they are one blob: keep one of them")


def _copies(checked: CheckedModel, group: SharedParameter) -> List[Tuple[Layer, Blob]]:
    """The copies of a shared blob in the file's order, which is the order of loading."""
    found = []
    for saved in checked.weights.layers if checked.weights else ():
        for layer, index in group.members:
            if layer.name == saved.name and index < len(saved.blobs) and saved.blobs[index].count:
                found.append((layer, saved.blobs[index]))
    return found


def _same(one: Blob, other: Blob) -> bool:
    return one.count == other.count and np.array_equal(
        one.array().ravel(), other.array().ravel(), equal_nan=True
    )


def _loaded(checked: CheckedModel) -> Iterator[Tuple[Layer, Tuple[Blob, ...]]]:
    """The layers that find blobs in the weights."""
    for layer in checked.network.layers:
        blobs = checked.weights.blobs(layer.name) if checked.weights else ()
        if blobs:
            yield layer, blobs
