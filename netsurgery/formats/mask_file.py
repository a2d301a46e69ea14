"""Masks of pruned weights in a file beside the weights: one bit for each weight.

An ``.npz`` that holds for each masked blob its bits under the layer's name, a line end and
the index of the blob (packed as `numpy.packbits` does, 1 for a weight that is free), and its shape
under the same and ``/shape``.
"""

from __future__ import annotations

import io
import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import Dict, List, Mapping, Tuple, Union

import numpy as np

from netsurgery.errors import FormatError

MOST = 2**31
"""No blob has more numbers: Caffe counts them in an int."""
_MOST_AXES = 32
_HEADER = 4096
_SHAPE = "/shape"
_REMEDY = "give the file that prune wrote beside the weights"

Key = Tuple[str, int]


def write_masks(masks: Mapping[Key, np.ndarray]) -> bytes:
    """Return the bytes of a file that holds masks; the same masks are the same bytes.

    Args:
        masks: For a layer's name and the index of a blob, True where a weight is free.
    """
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        for (layer, index), mask in masks.items():
            name = f"{layer}\n{index}"
            free = np.asarray(mask, bool)
            _write(file, name, np.packbits(free.reshape(-1)))
            _write(file, name + _SHAPE, np.array(free.shape, np.int64))
    return held.getvalue()


def _write(file: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    member = io.BytesIO()
    np.lib.format.write_array(member, array, allow_pickle=False)
    entry = zipfile.ZipInfo(f"{name}.npy")  # whose date is always the same
    entry.compress_type = zipfile.ZIP_DEFLATED
    file.writestr(entry, member.getvalue())


def read_masks(path: Union[str, os.PathLike[str]]) -> Dict[Key, np.ndarray]:
    """Return the masks that a file holds, in its order.

    Raises:
        FormatError: It cannot be read, or is no file of masks.
    """
    try:
        found = np.load(Path(path), allow_pickle=False)
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise ValueError("it holds one array, and no masks")
        with found as file:
            return {_key(name): _mask(file, name) for name in _names(file)}
    except OSError as error:
        reason = error.strerror or "is no file of masks"
        raise FormatError(f"cannot be read: {reason}", file=path, remedy=_REMEDY) from None
    except (ValueError, KeyError, TypeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise FormatError(f"is no file of masks: {error}", file=path, remedy=_REMEDY) from None


def _names(file: np.lib.npyio.NpzFile) -> List[str]:
    names = [name for name in file.files if not name.endswith(_SHAPE)]
    if not names:
        raise ValueError("it holds none")
    assert file.zip is not None
    for entry in file.zip.infolist():  # before anything is unpacked
        if entry.file_size > MOST / 8 + _HEADER:
            raise ValueError(f"{entry.filename!r} is larger than any mask")
    return names


def _key(name: str) -> Key:
    layer, line, index = name.rpartition("\n")
    if not line or not index.isdecimal():
        raise ValueError(f"{name!r} names no blob of a layer")
    return layer, int(index)


def _mask(file: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    shape_array = file[name + _SHAPE]
    good = shape_array.dtype == np.int64 and shape_array.ndim == 1
    shape = tuple(shape_array.tolist()) if good and shape_array.size <= _MOST_AXES else (-1,)
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count > MOST:
        raise ValueError(f"{name!r} has a shape that no blob has")
    bits = file[name]
    if bits.dtype != np.uint8 or bits.shape != (-(-count // 8),):
        raise ValueError(f"{name!r} has not one bit for each weight of {shape}")
    return np.unpackbits(bits, count=count).astype(bool).reshape(shape)
