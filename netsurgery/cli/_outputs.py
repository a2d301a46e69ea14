"""What files commands write, told apart by how their names end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from netsurgery.formats import make_folder, refuse_unmakable, refuse_unwritable

HDF5 = (".h5", ".hdf5")

_ENDINGS = """
    bin binaryproto blob caffemodel csv engine gz h5 hdf5 htm html ini jpeg jpg json keras md
    mlmodel mnn nb npy npz onnx param pb pbtxt pdf pickle pkl plan png prototxt pt pth py rknn rst
    safetensors svg t7 tar tex tflite toml txt weights xlsx xml yaml yml zip
"""
_FORMATS = frozenset("." + ending for ending in _ENDINGS.split())
"""How files of some format end; whoever writes such a name means that format."""


class OutputFile(click.Path):
    """A file that is written: its name may not end in another format.

    Attributes:
        what: What is written.
        endings: How its name may end; the first is the one to recommend.
        strict: Whether it must end so; else it may also end in nothing that is a format.
    """

    def __init__(self, what: str, *endings: str, strict: bool = False) -> None:
        super().__init__(path_type=Path)
        self.what, self.endings, self.strict = what, endings, strict

    def convert(
        self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]
    ) -> Any:
        """Return the path."""
        path: Any = super().convert(value, param, ctx)
        ending = path.suffix.lower()
        if ending not in self.endings and (self.strict or ending in _FORMATS):
            wanted = " or ".join(self.endings)
            self.fail(f"{str(path)!r} is no name for {self.what}: end it in {wanted}", param, ctx)
        refuse_unwritable(path)
        return path


class Folder(click.Path):
    """A folder that is made: its name may not look like a file's."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(
        self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]
    ) -> Any:
        """Return the path."""
        path: Any = super().convert(value, param, ctx)
        if path.suffix.lower() in _FORMATS and not path.is_dir():
            self.fail(
                f"{str(path)!r} looks like a file, but is to be a folder; files in it are called "
                "like those that are read",
                param,
                ctx,
            )
        refuse_unmakable(path)
        return path


def ready(path: Path) -> Path:
    """Return a file's path when its folder is there, which it makes if need be.

    Raises:
        FormatError: It cannot be made.
    """
    make_folder(path.parent)
    return path


WEIGHTS = OutputFile("weights", ".caffemodel", ".caffemodel.h5", *HDF5, strict=True)
PLAN = OutputFile("a plan", ".yaml", ".yml")
PAGE = OutputFile("a page", ".html", ".htm")
GOLDEN = OutputFile("golden values", ".npz")
PLOT = OutputFile("a plot", ".svg", ".png", strict=True)
RANKING = OutputFile("a ranking", ".json")
FOLDER = Folder()
