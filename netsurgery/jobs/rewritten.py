"""Which layers of a pair surgery made, as the record beside it says."""

from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

from netsurgery.errors import NetsurgeryError
from netsurgery.formats import read_json
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
