"""The digests by which a file, or weights in memory, are known again."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Union

from netsurgery.formats.blob import SHARED

if TYPE_CHECKING:
    from netsurgery.formats.weights import Weights


def sha256_of(path: Union[str, os.PathLike[str]]) -> str:
    """Return the sha256 of a file as hexadecimal digits, read in blocks."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_weights(weights: Weights) -> str:
    """Return a sha256 of the blobs that Caffe would load, the same whatever file holds them."""
    digest = hashlib.sha256()
    for layer in weights.layers:
        digest.update(repr((layer.name, len(layer.blobs))).encode())
        for blob in layer.blobs:
            digest.update(repr((blob.shape, blob is SHARED)).encode())
            digest.update(blob.array().reshape(-1).view("u1"))
    return digest.hexdigest()
