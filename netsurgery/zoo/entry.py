"""What a batch is made of: models with all that is asked of each, and what was left out."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple, Union

from netsurgery.calibration import Preprocessing
from netsurgery.errors import RequestError, shortened
from netsurgery.validation import require_fields

_PART = re.compile(r"(?!\.)[A-Za-z0-9._+-]{1,100}(?<!\.)")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One model of a batch.

    Paths are as the user would write them: relative ones are seen from where the process runs.

    Attributes:
        name: By which it is known, and the folder that its result goes to: words with / between
            them, as ``face/det1``.
        prototxt: Its text.
        weights: Its weights.
        preprocessing: How its images are prepared, or the name or the file of a preset.
        inputs: Files with samples to judge by; random ones if there are none.
        labels: A text file with the class of each.
        input_shapes: Those that its text does not tell, or tells otherwise.
        options: Fields of a `CompressRequest` or a `ThinRequest`, as plain data: texts, numbers,
            lists, mappings. ``budget`` is a mapping of currencies to shares or sizes.
        plan: A plan to carry out as it stands.
        license: What its authors allow, if that is told.
        source: Where it is from.

    Raises:
        RequestError: The name is none, or a field is of another type.
    """

    name: str
    prototxt: Path
    weights: Path
    preprocessing: Union[Preprocessing, str, None] = None
    inputs: Tuple[Path, ...] = ()
    labels: Optional[Path] = None
    input_shapes: Mapping[str, Tuple[int, ...]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    plan: Optional[Path] = None
    license: Optional[str] = None
    source: Optional[str] = None

    def __post_init__(self) -> None:
        require_fields(self)
        if not is_name(self.name):
            raise RequestError(
                f"{shortened(repr(self.name))} cannot be the name of a model and of its folder",
                remedy="write letters, digits and any of . _ + - with / between folders",
            )

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data, without what is not said."""
        how = self.preprocessing
        found = {
            "name": self.name,
            "prototxt": str(self.prototxt),
            "weights": str(self.weights),
            "preprocessing": how.to_dict() if isinstance(how, Preprocessing) else how,
            "inputs": [str(path) for path in self.inputs],
            "labels": None if self.labels is None else str(self.labels),
            "input_shapes": {name: list(shape) for name, shape in self.input_shapes.items()},
            "options": dict(self.options),
            "plan": None if self.plan is None else str(self.plan),
            "license": self.license,
            "source": self.source,
        }
        return {name: value for name, value in found.items() if value not in (None, [], {})}


@dataclass(frozen=True)
class SkippedFile:
    """A file that was found and is no model of the batch, or a model that cannot be.

    Attributes:
        path: The file.
        reason: Why it is left out, and where something can be done, what; without a full stop.
    """

    path: Path
    reason: str

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data."""
        return {"path": str(self.path), "reason": self.reason}


@dataclass(frozen=True)
class ModelBatch:
    """The models that a source gives.

    Attributes:
        source: The folder or the file that they were found by.
        entries: The models, in the order of the source.
        skipped: What else was found there.
    """

    source: Path
    entries: Tuple[Entry, ...]
    skipped: Tuple[SkippedFile, ...] = ()

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data."""
        return {
            "source": str(self.source),
            "models": [entry.to_dict() for entry in self.entries],
            "skipped": [one.to_dict() for one in self.skipped],
        }


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a model: of a folder, on every system."""
    return all(_PART.fullmatch(part) and not _RESERVED.fullmatch(part) for part in text.split("/"))


def name_of(text: str) -> str:
    """Return the name of a model that is closest to a text, such as a path.

    Accents go, and all else that a folder cannot be called becomes ``_``.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "/".join(_part_of(part) for part in plain.split("/") if part) or "model"


def _part_of(text: str) -> str:
    part = re.sub(r"[^A-Za-z0-9._+-]+", "_", text)[:80].strip(".") or "_"
    return f"_{part}" if _RESERVED.fullmatch(part) else part


def distinct_names(wanted: Sequence[str]) -> List[str]:
    """Return names of models, all different, and none of them the folder of another.

    Files of some systems differ by more than the case of letters, so names do too.

    Args:
        wanted: What they are to be called, if they can be; see `name_of`. Of two that clash the
            later one gets a number.
    """
    names = [name_of(text) for text in wanted]
    folders: Set[str] = set()
    for name in names:
        folders.update(_folders_of(name))
    taken: Set[str] = set()
    found = []
    for name in names:
        number, given = 1, name
        while given.casefold() in taken or given.casefold() in folders:
            number += 1
            given = f"{name}-{number}"
        taken.add(given.casefold())
        found.append(given)
    return found


def _folders_of(name: str) -> List[str]:
    parts = name.casefold().split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
