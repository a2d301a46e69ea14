"""Folders that hold a database of Caffe, given without the prototxt that says how to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np

from netsurgery.calibration.image_rows import database_rows
from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.preprocessing import Preprocessing, read_mean_file
from netsurgery.calibration.request import Request
from netsurgery.calibration.transformation import Transformation
from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import DATA, LmdbDatabase, read_label

_LEVELDB = "CURRENT"
_FLAGS = ("mean", "mean_file", "input_scale")


def is_database(path: Path) -> bool:
    """Whether a path is an LMDB, or the LevelDB that `open_database` refuses."""
    return path.name == DATA or (path / DATA).exists() or (path / _LEVELDB).exists()


def open_database(path: Path) -> LmdbDatabase:
    """Open an LMDB, given as its folder or the ``data.mdb`` in it.

    Raises:
        FormatError: It is none.
    """
    folder = path.parent if path.name == DATA else path
    if (folder / DATA).exists():
        return LmdbDatabase(folder)
    if (folder / _LEVELDB).exists():
        raise FormatError(
            "is a LevelDB, which is not read",
            file=folder,
            remedy="make an LMDB of the images (convert_imageset -backend=lmdb), or give them as "
            "a folder or an .npz",
        )
    raise FormatError(f"is no LMDB: a folder with {DATA}", file=folder)


def read_labels_of(database: LmdbDatabase) -> np.ndarray:
    """Return the class of every record, int64 of shape (N,).

    Raises:
        FormatError: A record is damaged.
    """
    return np.array(database.read(0, database.count, read_label), np.int64)


def read_database(path: Path, request: Request) -> Inputs:
    """Read an LMDB: the centre of each image, as large as the net's input, ``(x - mean) * scale``.

    Images are fed as they are stored: BGR, from 0 to 255. Of the classic flags, mean, mean file
    and input scale apply.

    Raises:
        FormatError: It is no LMDB, or damaged.
        NetsurgeryError: It does not fit the net, or a flag does not fit a database.
    """
    database = open_database(path)
    name, shape = request.image_input((), "give the train prototxt that names the database")
    flags = request.preprocessing or Preprocessing()
    transformation = Transformation(
        1.0 if flags.input_scale is None else flags.input_scale,
        _mean(flags, path),
        None if request.uncut else shape[1:],
    )
    rows = database_rows(database, transformation)
    if rows.shape[1] != shape[0]:
        raise FormatError(f"holds images of {rows.shape[1]} channels, not {shape[0]}", file=path)
    description = f"{path} ({database.count} records)"
    return Inputs({name: rows}, read_labels_of(database), description)


def _mean(flags: Preprocessing, path: Path) -> Optional[np.ndarray]:
    defaults = Preprocessing()
    for flag in vars(flags):
        if flag not in _FLAGS and getattr(flags, flag) != getattr(defaults, flag):
            raise NetsurgeryError(
                f"{flag.replace('_', '-')} is for image files, not for what a database holds",
                file=path,
                remedy="leave it out",
            )
    if flags.mean_file is not None:
        mean = read_mean_file(flags.mean_file)
    elif flags.mean is not None:
        mean = np.array(flags.mean)
    else:
        return None
    return mean.astype(np.float32).reshape(mean.shape if mean.ndim == 3 else (-1, 1, 1))
