"""Two blobs read side by side, a few numbers at a time."""

from __future__ import annotations

from typing import Iterator, Tuple

import numpy as np

from netsurgery.formats.blob import Blob

_BLOCK = 1 << 20


def aligned(a: Blob, b: Blob) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
    """Yield pieces of two blobs of as many numbers, of equal length and as they are stored."""
    streams = [_pieces(blob) for blob in (a, b)]
    rest = [np.empty(0), np.empty(0)]
    while True:
        for side in (0, 1):
            if not rest[side].size:
                rest[side] = next(streams[side], rest[side])
        size = min(part.size for part in rest)
        if not size:
            return
        yield rest[0][:size], rest[1][:size]
        rest = [part[size:] for part in rest]


def _pieces(blob: Blob) -> Iterator[np.ndarray]:
    for block in blob.blocks():
        for start in range(0, len(block), _BLOCK):
            yield block[start : start + _BLOCK]
