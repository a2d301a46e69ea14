"""Weights written in HDF5 (.caffemodel.h5), as Caffe itself writes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Optional, Sequence, TypeVar

import numpy as np

from netsurgery.errors import FormatError
from netsurgery.formats.blob import SHARED, Blob, Held, LayerWeights
from netsurgery.formats.hdf5.reader import h5py_library

if TYPE_CHECKING:
    import h5py

_Result = TypeVar("_Result")
_WORTH_COMPRESSING = 4096  # bytes; what HDF5 adds for a compressed dataset is about as much


def write_hdf5(layers: Sequence[LayerWeights], stream: BinaryIO, *, gzip: bool = False) -> None:
    """Write the layers into a file that is open for reading and writing.

    Each blob is stored as it is, whatever its type, and compressed if `gzip`: Caffe itself reads
    all that. A layer without weights becomes an empty
    group, as Caffe makes it, or is left out where HDF5 cannot hold its name.

    Raises:
        FormatError: HDF5, or Caffe when it reads it, cannot hold a layer.
    """
    h5py = h5py_library()
    chosen = _storable(layers)
    unfailing = _Unfailing(stream)
    try:
        with h5py.File(unfailing, "w", libver="earliest") as file:
            data = file.create_group("data")
            for layer in chosen:
                group = data.create_group(layer.name.encode("utf-8", "surrogateescape"))
                for index, blob in enumerate(layer.blobs):
                    if blob is not SHARED:
                        _write_blob(group, index, blob, layer.name, gzip)
    finally:
        unfailing.report()


def size_of(layers: Sequence[LayerWeights]) -> int:
    """Return the bytes of the file that `write_hdf5` makes, its numbers not compressed.

    What HDF5 adds depends on names and axes alone: it is that of a file of single numbers.

    Raises:
        FormatError: HDF5 cannot hold a layer.
    """
    numbers = [blob for layer in layers for blob in layer.blobs if blob is not SHARED]
    small = [
        LayerWeights(layer.name, layer.type, tuple(map(_single, layer.blobs))) for layer in layers
    ]
    stream = io.BytesIO()
    write_hdf5(small, stream)
    more = sum(blob.itemsize * (blob.count - 1) for blob in numbers)
    return stream.getbuffer().nbytes + more


def _single(blob: Blob) -> Blob:
    if blob is SHARED:
        return blob
    return Blob((1,) * len(blob.shape), Held(np.zeros(1, blob.storage)))


class _Unfailing(io.RawIOBase):
    """A file that hides from HDF5 that the disk is full: that would crash the process."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._error: Optional[OSError] = None

    def report(self) -> None:
        """Let go of the file, and raise what was hidden."""
        self.close()
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        self._guard(lambda: self._stream.write(data))
        return len(data)

    def readinto(self, data: Any) -> int:
        self._guard(lambda: self._stream.readinto(data))  # type: ignore[attr-defined]
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._guard(lambda: self._stream.seek(offset, whence)) or 0

    def tell(self) -> int:
        return self._guard(self._stream.tell) or 0

    def truncate(self, size: Optional[int] = None) -> int:
        return self._guard(lambda: self._stream.truncate(size)) or 0

    def flush(self) -> None:
        self._guard(self._stream.flush)

    def _guard(self, action: Callable[[], _Result]) -> Optional[_Result]:
        if self._error is None:
            try:
                return action()
            except OSError as error:
                self._error = error
        return None


def _storable(layers: Sequence[LayerWeights]) -> list[LayerWeights]:
    chosen: dict[str, LayerWeights] = {}
    for layer in layers:
        problem = _why_not(layer.name, chosen)
        if problem and layer.blobs:
            raise FormatError(problem, layer=layer.name, remedy="write a .caffemodel")
        if not problem:
            chosen[layer.name] = layer
    return list(chosen.values())


def _why_not(name: str, chosen: dict[str, LayerWeights]) -> str:
    """Why HDF5 cannot take a layer of that name, or ``""``."""
    if "/" in name:
        return 'HDF5 makes a group of every "/" in a name, and Caffe cannot load that (caffe#4267)'
    if name in ("", ".") or "\0" in name:
        return "HDF5 cannot hold this name"
    if name in chosen:
        return "is there twice, and HDF5 holds a name once"
    return ""


def _write_blob(group: h5py.Group, index: int, blob: Blob, layer: str, gzip: bool) -> None:
    if blob.legacy:
        raise FormatError(
            f"blob {index} has a legacy shape {blob.shape}, and HDF5 must have the net's own",
            layer=layer,
            remedy="convert with the prototxt",
        )
    # Rounded before it gets here: HDF5 1.14.2 to 1.14.6 halve some numbers that they narrow.
    values = blob.array(blob.storage)
    compress = gzip and values.nbytes > _WORTH_COMPRESSING
    options = {"compression": "gzip", "shuffle": True} if compress else {}
    group.create_dataset(str(index), data=values, **options)
