"""Whether a folder for a new pair holds one of another net, which must not be overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional

from netsurgery.errors import FormatError, Remedy
from netsurgery.formats import open_weights, read_json
from netsurgery.network import Model
from netsurgery.planning.plan import identify

RECORD = "netsurgery.json"
"""The report that stands beside a pair; its ``inputs`` say of which files the pair was made."""


def refuse_another(folder: Path, model: Model, made: Optional[Model] = None) -> None:
    """See that nothing in a folder would be overwritten but an earlier result of the same files.

    Args:
        folder: Where a pair goes, under the names of the original's files.
        model: The original.
        made: What would be written, where no record is kept: the same as what is there is fine.

    Raises:
        FormatError: A file there is of another net, as far as can be told, or the original.
    """
    names = model.file_names()
    model.refuse_overwriting(folder / name for name in names)
    there = [folder / name for name in names if (folder / name).exists()]
    record = folder / RECORD
    if record.exists():
        if _original(record) != _hashes(identify(model)):
            raise _refusal(record, "is the record of a pair that was made of other files")
    elif there and not (made is not None and _same(folder, names, made)):
        raise _refusal(there[0], "is there already, and nothing says that it is of this net")


def _refusal(file: Path, problem: str) -> FormatError:
    remedy = Remedy("choose another folder, or overwrite it with {}", "force")
    return FormatError(problem, file=file, remedy=remedy)


def _original(record: Path) -> Mapping[str, Any]:
    try:
        return _hashes(read_json(record.read_text(encoding="utf-8"))["inputs"])
    except (FormatError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _hashes(files: Mapping[str, Mapping[str, str]]) -> Mapping[str, Any]:
    return {kind: facts.get("sha256") for kind, facts in files.items()}


def _same(folder: Path, names: tuple[str, ...], made: Model) -> bool:
    try:
        if (folder / names[0]).read_bytes() != made.prototxt.data:
            return False
        if made.weights is None:
            return True
        return open_weights(folder / names[1]).digest == made.weights.digest
    except (OSError, FormatError):
        return False
