"""Weights in HDF5 (.caffemodel.h5), as Caffe lays them out: ``/data/<layer>/<index>``.

Caffe stores a shared parameter with its owner only. A blob that is missing for that reason is
``SHARED`` here.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Optional

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats.blob import SHARED, Blob, LayerWeights
from netsurgery.formats.file_reference import FileReference

if TYPE_CHECKING:
    import h5py

_MOST_LAYERS = 1 << 16
_MOST_BLOBS = 256
_MOST_DEPTH = 32
# Deflate, the only compression Caffe's own build reads, never shrinks further than this.
_BEST_COMPRESSION = 1032


def read_hdf5(path: str) -> tuple[LayerWeights, ...]:
    """The layers of an HDF5 weights file; their numbers are read when asked for.

    The file stays open for as long as one of its blobs is alive. Groups inside groups are layers
    with "/" in their names, which some writers make and Caffe cannot.

    Raises:
        FormatError: It is no HDF5 file, was not written by Caffe, or is damaged.
    """
    h5py = h5py_library()
    file = FileReference(path)
    with damage_reported():
        data = _weights_group(h5py, h5py.File(path, "r"))
        return tuple(_layers(h5py, data, file))


def is_compressed(layers: Iterable[LayerWeights]) -> bool:
    """Whether a blob that was read from HDF5 is compressed there."""
    values = (blob._values for layer in layers for blob in layer.blobs)
    return any(isinstance(one, _Stored) and one.compressed for one in values)


def h5py_library() -> Any:
    """The h5py module.

    Raises:
        FormatError: It is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise FormatError("HDF5 files need h5py", remedy="pip install 'netsurgery[hdf5]'") from None
    return h5py


@contextlib.contextmanager
def damage_reported() -> Iterator[None]:
    """Turn what h5py raises on a damaged file into ours."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        text = str(error).strip("'\"")
        raise FormatError(
            f"this HDF5 file is damaged: {text}", remedy="download or copy it again"
        ) from error


def _weights_group(h5py: Any, file: h5py.File) -> h5py.Group:
    found = dict(_items(h5py, file))
    data = found.get("data")
    if isinstance(data, h5py.Group):
        return data
    if "history" in found:
        what, remedy = "a solver's memory (.solverstate.h5)", "give the .caffemodel.h5 beside it"
    elif data is not None:
        what, remedy = "data for training", "give the trained .caffemodel.h5"
    else:
        what, remedy = "not weights of Caffe, perhaps Keras", "convert it to Caffe first"
    raise FormatError(f"this HDF5 file is {what}", remedy=remedy)


def _items(h5py: Any, group: h5py.Group) -> Iterator[tuple[str, Any]]:
    """What is in a group. A link to elsewhere could read any file of the user's."""
    for key in group.id:
        name = key.decode("utf-8", "surrogateescape")
        if group.id.links.get_info(key).type != h5py.h5l.TYPE_HARD:
            raise FormatError(f"{group.name}/{name} is a link to elsewhere, unknown to Caffe")
        yield name, group[key]


def _layers(h5py: Any, data: h5py.Group, file: FileReference) -> Iterator[LayerWeights]:
    """Every group that is a layer: it holds datasets, or nothing."""
    waiting = [(name, item, 1) for name, item in reversed(list(_items(h5py, data)))]
    count = 0
    while waiting:
        name, group, depth = waiting.pop()
        if not isinstance(group, h5py.Group):
            raise FormatError(f"{group.name} is a dataset where a layer should be")
        items = list(_items(h5py, group))
        inner = [(f"{name}/{key}", item) for key, item in items if isinstance(item, h5py.Group)]
        waiting.extend((*pair, depth + 1) for pair in reversed(inner))
        count += 1
        if depth > _MOST_DEPTH or count + len(waiting) > _MOST_LAYERS:
            raise FormatError("its groups are nested or repeated without end")
        if len(inner) < len(items) or not items:
            datasets = {key: item for key, item in items if isinstance(item, h5py.Dataset)}
            yield _read_layer(name, datasets, file)


def _read_layer(name: str, datasets: dict[str, h5py.Dataset], file: FileReference) -> LayerWeights:
    blobs = {}
    for key, dataset in datasets.items():
        if not (key.isdecimal() and int(key) < _MOST_BLOBS):
            raise FormatError(f"{dataset.name} is not numbered as Caffe does", layer=name)
        blobs[int(key)] = _read_blob(dataset, name, file)
    count = max(blobs, default=-1) + 1
    return LayerWeights(name, None, tuple(blobs.get(index, SHARED) for index in range(count)))


def _read_blob(dataset: h5py.Dataset, layer: str, file: FileReference) -> Blob:
    if dataset.dtype.kind not in "fiu" or dataset.shape is None:
        raise FormatError(f"{dataset.name} holds {dataset.dtype}, not numbers", layer=layer)
    if dataset.is_virtual or dataset.external:
        raise FormatError(f"{dataset.name} has its numbers in another file", layer=layer)
    needed = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if needed > stored * (1 if dataset.chunks is None else _BEST_COMPRESSION):
        raise FormatError(
            f"{dataset.name} claims {needed:,} bytes, but stores {stored:,}", layer=layer
        )
    return Blob(dataset.shape, _Stored(dataset, file))


class _Stored:
    """The numbers of a dataset, read from its open file; opened again where they were sent to."""

    def __init__(self, dataset: h5py.Dataset, file: FileReference) -> None:
        self._dataset: Optional[h5py.Dataset] = dataset
        self._file = file
        self._name: str = dataset.name
        self.dtype: np.dtype = dataset.dtype
        self.count: int = dataset.size
        self.compressed: bool = dataset.compression is not None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_dataset": None}

    def pieces(self) -> Iterator[np.ndarray]:
        """All of them, read now."""
        if self._dataset is None:
            self._file.require_unchanged()
            with damage_reported():
                self._dataset = h5py_library().File(self._file.path, "r")[self._name]
        with damage_reported():
            values = np.asarray(self._dataset[()])
        yield values.reshape(-1)
