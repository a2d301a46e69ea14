"""Numbers in a scratch file of their own, for what is too large to be held."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Iterator, Sequence

import numpy as np

from netsurgery.formats.blob import BLOCK, Blob


class Filed:
    """Numbers in a file that holds nothing else, read a block at a time.

    It is not mapped: what is mapped counts as memory of the process that reads it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.dtype = np.dtype("<f4")
        self.count = os.path.getsize(path) // self.dtype.itemsize

    def pieces(self) -> Iterator[np.ndarray]:
        """The numbers, a block at a time."""
        with open(self._path, "rb") as file:
            while (block := np.fromfile(file, self.dtype, BLOCK)).size:
                yield block


def filed(path: Path, shape: Sequence[int], blocks: Iterable[np.ndarray]) -> Blob:
    """Write numbers into a file and return a blob of them, which is there as long as the file.

    Args:
        path: A new file.
        shape: Of the blob.
        blocks: The numbers in their order, some at a time; stored as float32.
    """
    with open(path, "wb") as file:
        for block in blocks:
            np.ascontiguousarray(block, "<f4").tofile(file)
    return Blob(shape, Filed(path))
