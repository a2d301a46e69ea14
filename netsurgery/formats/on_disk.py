"""Products that are too large to be held: multiplied out into a scratch file when they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import numpy as np

from netsurgery.formats.blob import BLOCK, Blob
from netsurgery.linalg import Factored


class ScratchProduct:
    """The numbers of a product, in a file that holds nothing else once they were asked for.

    It is not mapped: what is mapped counts as memory of the process that reads it.

    Attributes:
        factors: What is multiplied.
    """

    def __init__(self, path: Path, factors: Factored) -> None:
        self._path = path
        self.factors = factors
        self.dtype = np.dtype("<f4")
        rows, columns = factors.shape
        self.count = rows * columns

    def pieces(self) -> Iterator[np.ndarray]:
        """The numbers, a block at a time."""
        if not self._path.exists():
            self._multiply_out()
        with open(self._path, "rb") as file:
            while (block := np.fromfile(file, self.dtype, BLOCK)).size:
                yield block

    def _multiply_out(self) -> None:
        unfinished = self._path.with_name(f"{self._path.name}.unfinished")
        with open(unfinished, "wb") as file:
            for block in self.factors.blocks():
                np.ascontiguousarray(block, "<f4").tofile(file)
        unfinished.replace(self._path)


def product_blob(path: Path, factors: Factored) -> Blob:
    """Return a blob of a product, which can be read as long as its file can be there.

    Args:
        path: A new file, made when the numbers are read first; they are stored as float32.
        factors: Of the shape of the blob.
    """
    return Blob(factors.shape, ScratchProduct(path, factors))
