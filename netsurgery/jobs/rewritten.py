"""What the record beside a pair says: its files, and which layers surgery made."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

from netsurgery.errors import FormatError, NetsurgeryError
from netsurgery.formats import read_json
from netsurgery.jobs.names import PathLike
from netsurgery.network import Model
from netsurgery.planning import RECORD

REWRITTEN = "rewritten"
"""What the record calls them."""


def rewritten_layers(model: Model) -> Optional[Tuple[str, ...]]:
    """Return the layers of a pair whose weights surgery put in, by its record alone.

    Args:
        model: The pair, read from its files.

    Returns:
        Their names; None where no record beside the files is of them, or it does not say.
    """
    weights = None if model.weights is None else model.weights.file
    if model.prototxt.file is None or weights is None:
        return None
    files = [Path(model.prototxt.file), Path(weights)]
    try:
        record = read_json((files[0].parent / RECORD).read_text(encoding="utf-8"))
        is_of_these = {file.name for file in files} <= set(record["files"])
        names = tuple(map(str, record[REWRITTEN]))
    except (OSError, ValueError, LookupError, TypeError, NetsurgeryError):
        return None
    beside = files[0].parent.resolve() == files[1].parent.resolve()
    there = all(model.blobs(name) for name in names)
    return names if beside and is_of_these and there else None


def pair_in(folder: PathLike) -> Tuple[Path, Path]:
    """Return the prototxt and the weights in a folder that a command wrote.

    Raises:
        FormatError: There is no record of a pair in it.
    """
    file = Path(folder) / RECORD
    try:
        prototxt, weights = read_json(file.read_text(encoding="utf-8"))["files"][:2]
        return Path(folder) / str(prototxt), Path(folder) / str(weights)
    except (OSError, ValueError, LookupError, TypeError):
        raise FormatError(
            "there is no record of a pair in this folder",
            file=folder,
            remedy="name the prototxt and the weights",
        ) from None
