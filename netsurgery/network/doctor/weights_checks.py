"""Checks of the weights against the network: what does not fit, and what is never loaded."""

from __future__ import annotations

import os
from collections import Counter
from math import prod
from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from netsurgery.formats import SHARED, LayerWeights, Weights
from netsurgery.layers import Layer, Shape, layer_type, show
from netsurgery.network.doctor.checked_model import CheckedModel, Finding, about, check, listed
from netsurgery.network.graph import Network, build_network
from netsurgery.network.sharing import borrowed_blobs

_MOST_BYTES = 2**31 - 1
_MISMATCH = "prototxt and weights do not belong together"
_REWRITE = "write them anew with `netsurgery convert`"
_UNSAVED, _INNER, _RENAMED = "unsaved", "inner", "renamed"
_HDF5 = {
    _UNSAVED: "Caffe cannot save these as HDF5, for the / in their names",
    _INNER: "Caffe saves these as HDF5 within the layer before the /, and stops when it loads that",
    _RENAMED: "Caffe saves these as HDF5 under other names, for a / at an end, and loads none",
}
"""What becomes of layers with a slash in their names."""


def _matches(checked: CheckedModel) -> Iterator[Tuple[Layer, LayerWeights, Tuple[Shape, ...]]]:
    """Each layer of the file, with the layer that Caffe would load it into, and its blobs."""
    first: Dict[str, Layer] = {}
    for built in checked.network.layers:
        first.setdefault(built.name, built)
    for saved in checked.weights.layers if checked.weights else ():
        layer = first.get(saved.name)
        blobs = checked.blobs(layer) if layer else None
        if layer is not None and blobs is not None:
            yield layer, saved, blobs


@check
def blob_counts(checked: CheckedModel) -> Iterator[Finding]:
    """Layers saved with another number of blobs than Caffe creates."""
    for layer, saved, blobs in _matches(checked):
        if len(saved.blobs) != len(blobs):
            problem = f"has {len(blobs)} blobs, but {len(saved.blobs)} in the weights"
            yield about(layer, "error", problem, _explain_count(layer, saved, blobs))


def _explain_count(layer: Layer, saved: LayerWeights, blobs: Tuple[Shape, ...]) -> str:
    extra = saved.blobs[len(blobs) :]
    known = layer.layer_type.explain_extra() if extra else None
    if known:
        return known
    if extra and blobs and len(blobs[0]) > 1 and extra[0].shape == saved.blobs[0].shape:
        return f"the last {len(extra)} look like masks of pruned weights: apply and drop them"
    return _MISMATCH


@check
def blob_shapes(checked: CheckedModel) -> Iterator[Finding]:
    """Blobs of another shape than Caffe creates."""
    exact = checked.weights is not None and checked.weights.format == "hdf5"
    for layer, saved, blobs in _matches(checked):
        if len(saved.blobs) != len(blobs):
            continue
        for index, (blob, wanted) in enumerate(zip(saved.blobs, blobs)):
            fits = blob.shape == wanted if exact else blob.fits(wanted)
            if blob is not SHARED and not fits:
                problem = (
                    f"{layer.layer_type.name_blob(layer, index)} is {show(wanted)}, "
                    f"but {show(blob.shape)} in the weights"
                )
                known = layer.layer_type.explain_shape(layer, blob, wanted)
                yield about(layer, "error", problem, known or _MISMATCH)


@check
def missing_weights(checked: CheckedModel) -> Iterator[Finding]:
    """Layers that need blobs and find none: they keep what their fillers made."""
    weights = checked.weights
    if weights is None:
        return
    orphans: Dict[Tuple[int, ...], List[LayerWeights]] = {}
    for orphan in _orphans(checked.network, weights):
        orphans.setdefault(tuple(blob.count for blob in orphan.blobs), []).append(orphan)
    shared = borrowed_blobs(checked.network.shared_parameters)
    for layer in checked.network.layers:
        blobs = checked.blobs(layer) or ()
        own = [index for index in range(len(blobs)) if (layer.index, index) not in shared]
        if own and layer.name not in weights:
            problem = "needs blobs but is not in the weights, and keeps its filler values"
            yield about(layer, "warning", problem, _suggestion(orphans, blobs))


def _suggestion(
    orphans: Mapping[Tuple[int, ...], List[LayerWeights]], blobs: Tuple[Shape, ...]
) -> str:
    """What may be the layer's; ``orphans`` are what nobody loads, by how large their blobs are."""
    for orphan in orphans.get(tuple(map(prod, blobs)), ()):
        if all(blob.fits(shape) for blob, shape in zip(orphan.blobs, blobs)):
            return f"the weights have {orphan.name!r} of the same shapes, which nobody loads"
    return "the names differ, or the file was cut between two layers"


@check
def orphan_weights(checked: CheckedModel) -> Iterator[Finding]:
    """Layers of the file that no layer of the network loads."""
    if checked.weights is None:
        return
    orphans = _orphans(checked.network, checked.weights)
    if not orphans:
        return
    state = checked.network.state
    other = "TRAIN" if state.phase == "TEST" else "TEST"
    elsewhere, _ = build_network(checked.prototxt, other, state.level, state.stages)
    groups: Dict[bool, List[str]] = {True: [], False: []}
    for orphan in orphans:
        groups[bool(elsewhere.find(orphan.name))].append(orphan.name)
    if groups[False]:
        problem = f"in the weights but not in the network, so never loaded: {listed(groups[False])}"
        yield Finding("warning", None, problem, "see whether the names are meant to differ")
    if groups[True]:
        problem = f"in the weights, but built in the phase {other} only: {listed(groups[True])}"
        yield Finding("note", None, problem)


def _orphans(network: Network, weights: Weights) -> List[LayerWeights]:
    names = {layer.name for layer in network.layers}
    return [layer for layer in weights.layers if layer.blobs and layer.name not in names]


@check
def split_layers(checked: CheckedModel) -> Iterator[Finding]:
    """Split layers that Caffe put in itself before it saved the net."""
    saved = checked.weights.layers if checked.weights else ()
    splits = [
        layer.name for layer in saved if layer.type and layer_type(layer.type).inserted_by_caffe
    ]
    if splits:
        yield Finding("note", None, f"{len(splits)} layers in the weights are Caffe's own Splits")


@check
def repeated_weights(checked: CheckedModel) -> Iterator[Finding]:
    """Layers that stand more than once in the file."""
    saved = checked.weights.layers if checked.weights else ()
    times = Counter(layer.name for layer in saved)
    for name in dict.fromkeys(layer.name for layer in saved if layer.blobs):
        if times[name] > 1:
            problem = f"is {times[name]} times in the weights; Caffe loads the last"
            yield Finding("warning", name, problem, "see whether two files were joined")


@check
def other_types(checked: CheckedModel) -> Iterator[Finding]:
    """Layers that were saved as another type."""
    groups: Dict[Tuple[str, str], List[str]] = {}
    for layer, saved, _ in _matches(checked):
        if saved.type and saved.type != layer.type and saved.blobs:
            groups.setdefault((layer.type, saved.type), []).append(layer.name)
    for (now, then), names in groups.items():
        yield Finding("note", None, f"of type {now}, but saved as {then}: {listed(names)}")


@check
def unread_storage(checked: CheckedModel) -> Iterator[Finding]:
    """Blobs that stock Caffe reads as empty: NVIDIA's float16, only a diff, and so on."""
    if checked.weights is None or checked.weights.format == "hdf5":
        return
    groups: Dict[str, List[str]] = {}
    for saved in checked.weights.layers:
        for blob in saved.blobs:
            if blob.note:
                groups.setdefault(blob.note, []).append(saved.name)
    for what, names in groups.items():
        layers = listed(list(dict.fromkeys(names)))
        problem = f"{len(names)} blobs are empty to stock Caffe: {what} (layers {layers})"
        yield Finding("error", None, problem, _REWRITE)


@check
def too_big(checked: CheckedModel) -> Iterator[Finding]:
    """A caffemodel that protobuf cannot read."""
    weights = checked.weights
    if weights is None or weights.format == "hdf5" or not weights.file:
        return
    size = os.path.getsize(weights.file)
    if size > _MOST_BYTES:
        problem = f"the weights are {size:,} bytes; Caffe reads at most {_MOST_BYTES:,}"
        yield Finding("error", None, problem, "write them as HDF5 with `netsurgery convert`")


@check
def slashes(checked: CheckedModel) -> Iterator[Finding]:
    """Layer names with a slash, which Caffe's HDF5 takes for folders."""
    names = [layer.name for layer in checked.network.layers if "/" in layer.name]
    if not names or checked.weights is None:
        return
    if checked.weights.format == "hdf5":
        stored: Optional[List[str]] = [name for name in names if name in checked.weights]
        if stored:
            problem = f"names with / are never loaded from HDF5: {listed(stored)}"
            yield Finding("warning", None, problem, "write a caffemodel with `netsurgery convert`")
        return
    found = _in_hdf5([layer.name for layer in checked.network.layers])
    for kind, told in _HDF5.items():
        if kind in found:
            yield Finding("note", None, f"{told}: {listed(found[kind])}")


def _in_hdf5(names: Sequence[str]) -> Dict[str, List[str]]:
    """What becomes of names with a slash when Caffe saves layers in this order, by kind.

    It makes a group of each name, and HDF5 makes none within one that is not there. What is within
    the group of a layer is counted among the blobs of that when they are loaded.
    """
    groups: Set[Tuple[str, ...]] = {(), ("data",)}
    found: Dict[str, List[str]] = {}
    for name in names:
        parts = tuple(part for part in name.split("/") if part)
        group = parts if name.startswith("/") else ("data", *parts)  # a path from the root, or not
        saved = group not in groups and group[:-1] in groups
        groups.add(group)
        if "/" in name:
            inner = group[0] == "data" and len(group) > 2
            kind = _UNSAVED if not saved else _INNER if inner else _RENAMED
            found.setdefault(kind, []).append(name)
    return found
