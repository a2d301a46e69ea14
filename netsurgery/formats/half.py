"""float16: which blobs it can hold, and what a file in float16 stores in it."""

from __future__ import annotations

from typing import Callable, Iterator, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from netsurgery.formats.blob import SHARED, Blob, LayerWeights

HALF = "float16"
LARGEST = 65504
# Where all values are normal numbers of float16, none is off by more than 2**-11 of itself.
_MOST_LOST = 2.0**-10


class Kept(NamedTuple):
    """A blob that stays float32 in a file of float16.

    Attributes:
        layer: Its layer.
        place: Which of its blobs it is, from 0.
        reason: Why.
    """

    layer: str
    place: int
    reason: str

    def __str__(self) -> str:
        return f"layer {self.layer!r}: blob {self.place} stays float32: {self.reason}"


def halved(blob: Blob) -> Blob:
    """The blob rounded to float16, or itself where that does not hold its numbers."""
    return blob if blob is SHARED or why_not_half(blob) else blob.rounded("<f2")


def why_not_half(blob: Blob) -> Optional[str]:
    """Why float16 cannot hold the numbers of a blob, or None; read in blocks.

    It cannot where a number becomes infinite, nor where so many are so small that together they
    lose more than the rounding of numbers that are not.
    """
    if blob.storage == HALF:
        return None
    beyond, total, lost = 0, 0.0, 0.0
    for block in blob.blocks():
        exact = block[np.isfinite(block)].astype(np.float64)
        with np.errstate(over="ignore", under="ignore"):
            half = exact.astype(np.float16).astype(np.float64)
        beyond += int(np.isinf(half).sum())
        total += float(exact @ exact)
        lost += float(np.square(exact - half).sum()) if not beyond else 0.0
    if beyond:
        return f"{beyond:,} of its values are beyond {LARGEST:,}, the largest of float16"
    if lost > _MOST_LOST**2 * total:
        return "its values are too small for float16"
    return None


def halved_layer(layer: LayerWeights) -> LayerWeights:
    """The layer in float16, as far as that holds it; itself where nothing changes.

    Mean and variance of a BatchNorm stay as they are. Caffe stores them times a factor of up to
    1,000, what is left of a variance is divided by, and they are a few numbers.
    """
    if _is_batch_norm(layer):
        return layer
    blobs = tuple(map(halved, layer.blobs))
    if all(new is old for new, old in zip(blobs, layer.blobs)):
        return layer
    return LayerWeights(layer.name, layer.type, blobs)


def not_halved(layers: Sequence[LayerWeights]) -> Iterator[Kept]:
    """The blobs that `halved_layer` leaves in float32, and why."""
    for layer in layers:
        for index, blob in enumerate(layer.blobs):
            if blob is SHARED or blob.storage == HALF:
                continue
            calibrator = "statistics of a BatchNorm" if _is_batch_norm(layer) else None
            reason = calibrator or why_not_half(blob)
            if reason:
                yield Kept(layer.name, index, reason)


def stored_alike(
    changes: Mapping[str, Sequence[LayerWeights]],
    before: Mapping[str, Sequence[Blob]],
    half: Callable[[], bool],
) -> Mapping[str, Sequence[LayerWeights]]:
    """Round new blobs to float16 where those that they come from are.

    A blob comes from the one in its place in the layer that went, or where there was none from
    that layer's first. One that float16 cannot hold stays float32, as one does that is no new one.

    Args:
        changes: For each name that goes from the weights, the layers that come.
        before: For each of the names, the blobs that were there.
        half: Whether the file is in float16: asked where there were no blobs that could tell.

    Returns:
        The same, with blobs rounded; the very mapping that was given where none had to be.
    """
    stored = {
        name: [_alike(layer, before.get(name, ()), half) for layer in layers]
        for name, layers in changes.items()
    }
    same = all(a is b for name in changes for a, b in zip(stored[name], changes[name]))
    return changes if same else stored


def mostly_half(layers: Sequence[LayerWeights]) -> bool:
    """Whether most of the numbers of a file are in float16."""
    blobs = [blob for layer in layers for blob in layer.blobs if blob is not SHARED]
    half = sum(blob.count for blob in blobs if blob.storage == HALF)
    return 2 * half > sum(blob.count for blob in blobs)


def _alike(layer: LayerWeights, old: Sequence[Blob], half: Callable[[], bool]) -> LayerWeights:
    blobs = tuple(
        halved(blob) if _from_half(index, blob, old, half) else blob
        for index, blob in enumerate(layer.blobs)
    )
    if all(new is given for new, given in zip(blobs, layer.blobs)):
        return layer
    return LayerWeights(layer.name, layer.type, blobs)


def _from_half(index: int, blob: Blob, old: Sequence[Blob], half: Callable[[], bool]) -> bool:
    if blob is SHARED or any(blob is other for other in old):
        return False
    stored = [other for other in (*old[index : index + 1], *old[:1]) if other is not SHARED]
    return stored[0].storage == HALF if stored else half()


def _is_batch_norm(layer: LayerWeights) -> bool:
    """Told by its blobs where the file does not tell types, as HDF5 does not."""
    if layer.type is not None:
        return layer.type == "BatchNorm"
    shapes = [blob.shape for blob in layer.blobs]
    return len(shapes) in (3, 5) and shapes[0] == shapes[1] and shapes[2] == (1,)
