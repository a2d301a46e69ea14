"""Datasets in HDF5 as Caffe's HDF5Data layer reads them: rows that go on from file to file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats.hdf5.reader import damage_reported, h5py_library


class Hdf5Rows:
    """The rows of one dataset, one file after the other. A file is open only while it is read.

    Attributes:
        name: The dataset.
        shape: (rows of all files, ...).
        dtype: Type of the numbers.
    """

    def __init__(self, name: str, parts: Sequence[Tuple[Path, Tuple[int, ...], np.dtype]]) -> None:
        """Join the dataset's parts.

        Args:
            name: The dataset.
            parts: Each file with the shape and type of the dataset in it.

        Raises:
            FormatError: The parts are of different shapes, or hold no numbers.
        """
        (first, (_, *row), self.dtype), self.name = parts[0], name
        for file, shape, dtype in parts:
            if list(shape[1:]) != row or dtype.kind not in "fiu":
                raise FormatError(
                    f"dataset {name!r} is {dtype} of shape {shape}, which does not go on from "
                    f"{first}, where its rows are {tuple(row)}",
                    file=file,
                )
        self._files = [file for file, _, _ in parts]
        self._ends = np.cumsum([shape[0] for _, shape, _ in parts])
        self.shape: Tuple[int, ...] = (int(self._ends[-1]), *row)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, step = part.indices(len(self))
        pieces = [np.empty((0, *self.shape[1:]), self.dtype)]
        first, last = np.searchsorted(self._ends, [start, stop - 1], "right")
        for number in range(first, last + 1):
            before = int(self._ends[number - 1]) if number else 0
            with _opened(self._files[number]) as file:
                pieces.append(file[self.name][max(start - before, 0) : max(stop - before, 0)])
        return np.concatenate(pieces)[::step]

    def __len__(self) -> int:
        return self.shape[0]


def read_rows(files: Sequence[Path], names: Sequence[str] = ()) -> Dict[str, Hdf5Rows]:
    """Look for datasets in HDF5 files.

    Args:
        files: The files, in order.
        names: The datasets; all of the first file if there are none.

    Raises:
        FormatError: A file is damaged or lacks a dataset, or its datasets have different numbers
            of rows, or h5py is not installed.
    """
    found: Dict[str, List[Tuple[Path, Tuple[int, ...], np.dtype]]] = {}
    for path in files:
        with _opened(path) as file:
            names = names or [name for name, item in file.items() if hasattr(item, "dtype")]
            datasets = {name: _dataset(file, name, path) for name in names}
            counts = {name: dataset.shape[0] for name, dataset in datasets.items()}
            if len(set(counts.values())) != 1:
                raise FormatError(f"datasets need rows, all as many, not {counts}", file=path)
            for name, dataset in datasets.items():
                found.setdefault(name, []).append((path, dataset.shape, dataset.dtype))
    return {name: Hdf5Rows(name, parts) for name, parts in found.items()}


def _dataset(file: Any, name: str, path: Path) -> Any:
    item = file.get(name)
    if not getattr(item, "shape", None):
        known = ", ".join(repr(key) for key in file) or "nothing"
        raise FormatError(f"has no dataset {name!r} with rows; it holds {known}", file=path)
    return item


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    h5py = h5py_library()
    try:
        with damage_reported(), h5py.File(path, "r") as file:
            yield file
    except FormatError as error:
        error.file = error.file or str(path)
        raise
