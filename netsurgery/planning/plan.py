"""The plan: a list of edits, as data that a person can read, change and diff."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional, Union

from netsurgery.errors import PlanError
from netsurgery.formats.digest import sha256_of
from netsurgery.methods import Edit
from netsurgery.network.model import Model

VERSION = 1
_HEADER = "# netsurgery plan. Edit it by hand; `netsurgery apply` carries it out as it stands.\n"
_KEYS = ("netsurgery_plan", "model", "expected", "edits", "left")
_EDIT_KEYS = ("layer", "method", "predicted")


@dataclass(frozen=True)
class Left:
    """A layer that was looked at and left alone, and why."""

    layer: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """Which layers to rewrite, by which method, with which options.

    Attributes:
        edits: The orders, carried out in this sequence.
        left: Layers left alone, each with the reason; for people, ignored when applied.
        model: File names and sha256 of the model it was made for, if known.
        expected: What the planner expects of the whole; for people, ignored when applied.
    """

    edits: tuple[Edit, ...] = ()
    left: tuple[Left, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        plan: dict[str, Any] = {"netsurgery_plan": VERSION}
        if self.model:
            plan["model"] = {name: dict(value) for name, value in self.model.items()}
        if self.expected:
            plan["expected"] = dict(self.expected)
        plan["edits"] = [_edit_to_dict(edit) for edit in self.edits]
        if self.left:
            plan["left"] = [{"layer": left.layer, "reason": left.reason} for left in self.left]
        return plan

    def to_yaml(self) -> str:
        """Return the plan as YAML text."""
        import yaml

        text = yaml.safe_dump(
            self.to_dict(), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
        )
        return _HEADER + text

    def save(self, path: Union[str, Path]) -> None:
        """Write the plan to ``path``, complete or not at all."""
        from netsurgery.formats.atomic import write_together

        data = self.to_yaml().encode()
        write_together({path: lambda out: out.write(data)})

    @classmethod
    def from_dict(cls, data: Any, file: Optional[str] = None) -> Plan:
        """Build a plan from plain data.

        Raises:
            PlanError: The data is not a plan; the text names the place.
        """
        if not isinstance(data, dict) or "edits" not in data:
            raise PlanError(
                "this is not a plan: it has no list `edits`",
                file=file,
                remedy="make one with `netsurgery plan`",
            )
        if data.get("netsurgery_plan", VERSION) != VERSION:
            raise PlanError(
                f"plan format {data['netsurgery_plan']!r} is not known to this version, "
                f"which reads format {VERSION}",
                file=file,
                remedy="upgrade netsurgery",
            )
        _refuse_unknown(data, _KEYS, "the plan", file)
        edits = tuple(_edit_of(item, i, file) for i, item in enumerate(_items(data, "edits", file)))
        left = tuple(_left_of(item, file) for item in _items(data, "left", file))
        return cls(edits, left, data.get("model") or {}, data.get("expected") or {})

    @classmethod
    def from_yaml(cls, text: str, file: Optional[str] = None) -> Plan:
        """Build a plan from YAML text.

        Raises:
            PlanError: The text is not YAML, or not a plan.
        """
        import yaml

        try:
            return cls.from_dict(yaml.safe_load(text), file)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            raise PlanError(
                f"this is not YAML: {getattr(error, 'problem', None) or error}",
                file=file,
                line=mark.line + 1 if mark else None,
                column=mark.column + 1 if mark else None,
            ) from None

    @classmethod
    def load(cls, path: Union[str, Path]) -> Plan:
        """Read a plan from a YAML file.

        Raises:
            PlanError: The file cannot be read or holds no plan.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise PlanError(f"cannot read the plan: {reason}", file=path) from None
        return cls.from_yaml(text, str(path))


def identify(model: Model) -> dict[str, dict[str, str]]:
    """Return the name and sha256 of each file of ``model``, for a plan or a report."""
    files = {"prototxt": model.prototxt.file, "weights": getattr(model.weights, "file", None)}
    return {
        kind: {"file": str(file), "sha256": sha256_of(file)} for kind, file in files.items() if file
    }


def _edit_to_dict(edit: Edit) -> dict[str, Any]:
    data: dict[str, Any] = {"layer": edit.layer, "method": edit.method, **edit.options}
    if edit.predicted:
        data["predicted"] = dict(edit.predicted)
    return data


def _edit_of(item: Any, position: int, file: Optional[str]) -> Edit:
    place = f"edit {position + 1}"
    if not isinstance(item, dict):
        raise PlanError(f"{place} is not a mapping of names to values", file=file)
    for key in ("layer", "method"):
        if not isinstance(item.get(key), str):
            raise PlanError(f"{place} names no {key}", file=file, remedy=f"add `{key}: ...`")
    options = {key: value for key, value in item.items() if key not in _EDIT_KEYS}
    return Edit(item["layer"], item["method"], options, item.get("predicted") or {})


def _left_of(item: Any, file: Optional[str]) -> Left:
    if not isinstance(item, dict) or not isinstance(item.get("layer"), str):
        raise PlanError("an entry of `left` names no layer", file=file)
    return Left(item["layer"], str(item.get("reason", "")))


def _items(data: dict, key: str, file: Optional[str]) -> list:
    items = data.get(key) or []
    if not isinstance(items, list):
        raise PlanError(f"`{key}` is not a list", file=file)
    return items


def _refuse_unknown(data: dict, known: tuple, what: str, file: Optional[str]) -> None:
    for key in data:
        if key not in known:
            raise PlanError(
                f"{what} has an unknown entry {key!r}",
                file=file,
                remedy=f"known are {', '.join(known)}",
            )
