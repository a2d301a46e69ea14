"""The plan: a list of edits, as data that a person can read, change and diff."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple, Union

from netsurgery.errors import PlanError, shortened, visible
from netsurgery.formats import LONGEST, MismatchError, Schema, read_yaml, sha256_of, told
from netsurgery.methods import Edit, Prediction
from netsurgery.network import Model
from netsurgery.planning.asked import MAX_LOSS, Asked, asked_of_layer, asked_of_net
from netsurgery.planning.expected import Expected
from netsurgery.progress import Timing
from netsurgery.validation import require_fields

VERSION = 1
_HEADER = "# netsurgery plan. Edit it by hand; `netsurgery apply` carries it out as it stands.\n"
SCHEMA = "plan.schema.json"
_EDIT_KEYS = ("layer", "method", "predicted")


@dataclass(frozen=True)
class Skipped:
    """A layer that was looked at and left alone, and why."""

    layer: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """Which layers to rewrite, by which method, with which options.

    Attributes:
        edits: The orders, carried out in this sequence.
        skipped: Layers left alone, each with the reason; for people, ignored when applied.
        model: File names and sha256 of the model it was made for, if known.
        expected: What the planner expects of the whole; for people, ignored when applied.
        preprocessing: How the images were prepared that it was made on, where a preset says so; for
            people, ignored when applied.
        timings: Where the time went that a job took to make it; not written.

    Raises:
        RequestError: What is given as one of these is none.
    """

    edits: tuple[Edit, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    model: Mapping[str, Any] = field(default_factory=dict)
    expected: Expected = field(default_factory=Expected, compare=False)
    preprocessing: Mapping[str, Any] = field(default_factory=dict, compare=False)
    timings: Optional[Timing] = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        require_fields(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        plan: dict[str, Any] = {"netsurgery_plan": VERSION}
        if self.model:
            plan["model"] = {name: dict(value) for name, value in self.model.items()}
        if self.preprocessing:
            plan["preprocessing"] = dict(self.preprocessing)
        if self.expected:
            reached = {one.what: one.reached for one in self.asked if one.layer is None}
            more = {"reached": reached} if reached else {}
            plan["expected"] = {**self.expected.to_dict(), **more}
        plan["edits"] = [_edit_to_dict(edit) for edit in self.edits]
        if self.skipped:
            plan["left"] = [{"layer": one.layer, "reason": one.reason} for one in self.skipped]
        return plan

    @property
    def asked(self) -> Tuple[Asked, ...]:
        """What was asked of the net and of its layers, beside what is expected of the plan."""
        facts = self.expected
        layers = (one for edit in self.edits for one in asked_of_layer(edit.layer, edit.predicted))
        search = facts.max_loss
        lost = [Asked(None, MAX_LOSS, search.asked, search.measured)] if search else []
        return (*asked_of_net(facts.budget, facts.whole, facts.left), *lost, *layers)

    def to_yaml(self) -> str:
        """Return the plan as YAML text."""
        import yaml

        def dump(allow_unicode: bool) -> str:
            return yaml.dump(
                self.to_dict(),
                Dumper=_dumper(),
                sort_keys=False,
                allow_unicode=allow_unicode,
                default_flow_style=None,
                width=100,
            )

        text = dump(True)
        if visible(text.replace("\n", "")) != text.replace("\n", ""):
            text = dump(False)  # a name would turn the direction of what a terminal shows
        return _HEADER + text

    def save(self, path: Union[str, Path]) -> None:
        """Write the plan to ``path``, complete or not at all."""
        from netsurgery.formats import write_whole

        data = self.to_yaml().encode()
        write_whole(path, data)

    @classmethod
    def from_dict(cls, data: Any, file: Optional[str] = None) -> Plan:
        """Build a plan from plain data.

        Args:
            data: What :meth:`to_dict` returns.
            file: Where it comes from, for what errors say.

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
                f"plan format {told(data['netsurgery_plan'])} is not known to this version, "
                f"which reads format {VERSION}",
                file=file,
                remedy="upgrade netsurgery",
            )
        try:
            schema().check(data)
        except MismatchError as mismatch:
            raise _explained(mismatch, data, file) from None
        edits = tuple(_edit_of(item) for item in data["edits"] or ())
        skipped = tuple(
            Skipped(one["layer"], one.get("reason", "")) for one in data.get("left") or ()
        )
        model = {kind: facts for kind, facts in (data.get("model") or {}).items() if facts}
        # What is reached follows from the rest, and is told anew.
        expected = dict(data.get("expected") or {})
        expected.pop("reached", None)
        preprocessing = dict(data.get("preprocessing") or {})
        return cls(edits, skipped, model, Expected.from_dict(expected), preprocessing)

    @classmethod
    def from_yaml(cls, text: str, file: Optional[str] = None) -> Plan:
        """Build a plan from YAML text.

        Args:
            text: The text.
            file: Where it comes from, for what errors say.

        Raises:
            PlanError: The text is not YAML, or not a plan.
        """
        return cls.from_dict(read_yaml(text, file, PlanError), file)

    @classmethod
    def load(cls, path: Union[str, Path]) -> Plan:
        """Read a plan from a YAML file.

        Raises:
            PlanError: The file cannot be read or holds no plan.
        """
        try:
            with open(path, encoding="utf-8") as stream:
                text = stream.read(LONGEST + 1)
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


@lru_cache(maxsize=1)
def _dumper() -> Any:
    """PyYAML's writer of plain data, without aliases: people read plans."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Dumper


def _edit_to_dict(edit: Edit) -> dict[str, Any]:
    data: dict[str, Any] = {"layer": edit.layer, "method": edit.method, **edit.options}
    predicted = edit.predicted.to_dict()
    return {**data, "predicted": predicted} if predicted else data


def _edit_of(item: Dict[str, Any]) -> Edit:
    options = {key: value for key, value in item.items() if key not in _EDIT_KEYS}
    predicted = Prediction.from_dict(item.get("predicted") or {})
    return Edit(item["layer"], item["method"], options, predicted)


@lru_cache(maxsize=1)
def schema() -> Schema:
    """Return the schema of plans, which ships beside this file."""
    return Schema(json.loads(Path(__file__).with_name(SCHEMA).read_text(encoding="utf-8")))


def _explained(mismatch: MismatchError, data: Dict[str, Any], file: Optional[str]) -> PlanError:
    """Name the edit, its layer and the entry that are wrong."""
    place, problem, layer, words = list(mismatch.place), mismatch.problem, None, []
    if len(place) > 1 and place[0] in ("edits", "left"):
        kind, number = place[:2]
        words.append(f"{'edit' if kind == 'edits' else 'left'} {number + 1}")
        item = data[kind][number]
        named = isinstance(item, dict) and isinstance(item.get("layer"), str)
        layer = item["layer"] if named else None
        place = place[2:]
    if place:
        path = ".".join(str(part + 1 if isinstance(part, int) else part) for part in place)
        words.append(f"`{shortened(path)}`")
    separator = ": " if words and not problem.startswith(("has ", "names ")) else " "
    text = f"{', '.join(words) or 'the plan'}{separator}{problem}"
    return PlanError(text, file=file, layer=layer)
