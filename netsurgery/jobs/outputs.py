"""The files and folders that jobs write, told apart by how their names end.

What cannot be written is refused before anything runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from netsurgery.errors import RequestError
from netsurgery.formats import make_folder, refuse_unmakable, refuse_unwritable
from netsurgery.jobs.names import PathLike

_HDF5 = (".h5", ".hdf5")

_ENDINGS = """
    bin binaryproto blob caffemodel csv engine gz h5 hdf5 htm html ini jpeg jpg json keras md
    mlmodel mnn nb npy npz onnx param pb pbtxt pdf pickle pkl plan png prototxt pt pth py rknn rst
    safetensors svg t7 tar tex tflite toml txt weights xlsx xml yaml yml zip
"""
_FORMATS = frozenset("." + ending for ending in _ENDINGS.split())
"""How files of some format end; whoever writes such a name means that format."""


@dataclass(frozen=True)
class OutputFile:
    """A kind of file that is written: its name may not end in another format.

    Attributes:
        what: What is written.
        endings: How its name may end; the first is the one to recommend.
        strict: Whether it must end so; else it may also end in nothing that is a format.
    """

    what: str
    endings: Tuple[str, ...]
    strict: bool = False

    def checked(self, path: PathLike) -> Path:
        """Return a path that can be written, as far as one can tell beforehand.

        Raises:
            RequestError: It is no name for such a file.
            FormatError: It cannot be written.
        """
        path = _named(path)
        ending = path.suffix.lower()
        if ending not in self.endings and (self.strict or ending in _FORMATS):
            wanted = " or ".join(self.endings)
            raise RequestError(f"{str(path)!r} is no name for {self.what}: end it in {wanted}")
        refuse_unwritable(path)
        return path

    def ready(self, path: PathLike) -> Path:
        """Return a path like `checked`, in a folder that is there, which this makes if need be.

        Raises:
            RequestError: It is no name for such a file.
            FormatError: It cannot be written, or the folder not be made.
        """
        path = self.checked(path)
        make_folder(path.parent)
        return path


def checked_folder(path: PathLike) -> Path:
    """Return the path of a folder that could be made: its name may not look like a file's.

    Raises:
        RequestError: It does.
        FormatError: It cannot be made.
    """
    path = _named(path)
    if path.suffix.lower() in _FORMATS and not path.is_dir():
        raise RequestError(
            f"{str(path)!r} looks like a file, but is to be a folder; files in it are called "
            "like those that are read"
        )
    refuse_unmakable(path)
    return path


def _named(path: PathLike) -> Path:
    if not os.fspath(path):
        raise RequestError("an empty name is given for what is to be written")
    return Path(path)


def is_hdf5(path: Path) -> bool:
    """Whether the name of a file of weights says that it is HDF5."""
    return path.suffix.lower() in _HDF5


WEIGHTS = OutputFile("weights", (".caffemodel", ".caffemodel.h5", *_HDF5), strict=True)
PLAN = OutputFile("a plan", (".yaml", ".yml"))
PAGE = OutputFile("a page", (".html", ".htm"))
GOLDEN = OutputFile("golden values", (".npz",))
PLOT = OutputFile("a plot", (".svg", ".png"), strict=True)
JUNIT = OutputFile("a JUnit report", (".xml",))
RANKING = OutputFile("a ranking", (".json",))
