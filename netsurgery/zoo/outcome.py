"""What came of one model: a word, the reason, what it took, and what the result's record says."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from netsurgery.errors import FormatError

OUTCOME = "outcome.json"
"""The file in the folder of a result that says what came of it; it is written last."""
PRINTED = "printed.txt"
"""The file there with what the command printed."""

COMPRESSED, KEPT, PASSED, SAVED = "compressed", "kept", "passed", "saved"
REFUSED, UNJUDGED = "refused", "unjudged"
FAILED, CRASHED, TIMEOUT, MEMORY = "failed", "crashed", "timeout", "memory"

MEANINGS: Mapping[str, str] = {
    COMPRESSED: "a smaller pair is written, and nothing speaks against it",
    KEPT: "nothing was to be gained, or nothing was left to change: the pair is as it was",
    PASSED: "compared, and as good as it has to be",
    SAVED: "golden values are written",
    UNJUDGED: "compared, but these inputs tell nothing of what the net is worth",
    REFUSED: "not done, for a reason that is told",
    FAILED: "checked, and not as it has to be",
    CRASHED: "the process ended without an answer",
    TIMEOUT: "stopped, as it took longer than it may",
    MEMORY: "stopped, as it took more memory than it may",
}
"""All words for what may come of a model, with what each means."""

BAD = frozenset({FAILED, CRASHED, TIMEOUT, MEMORY})
"""Those that someone has to look at."""

PASSING = frozenset({"seconds", "peak_memory"})
"""The fields that no two runs have in common."""


@dataclass(frozen=True)
class Outcome:
    """What came of one model.

    Attributes:
        name: The model's name.
        key: Of the task, see `netsurgery.zoo.key_of`.
        command: What was done, as ``compress``.
        options: The other words of the command, but for the pair and where the result goes.
        status: One of `MEANINGS`.
        reason: Why, where that is not plain: the last it said.
        seconds: How long it took.
        peak_memory: The most that its processes held together, in bytes, as far as that was seen.
        memory: The limit of memory that it ran under, in bytes; None: none.
        timeout: The limit of time, in seconds; None: none.
        figures: What the record of the result says: ``before`` and ``after`` (``params``,
            ``macs``, ``bytes``), ``proof``, ``quality``, ``error`` (the largest relative error of
            an output), ``outputs``; empty where there is none.
        files: The files of the result, with the sha256 of each.
    """

    name: str
    key: str
    command: str
    status: str
    options: Tuple[str, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    peak_memory: int = 0
    memory: Optional[int] = None
    timeout: Optional[float] = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def bad(self) -> bool:
        """Whether someone has to look at it."""
        return self.status in BAD

    def to_dict(self) -> Dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "options": list(self.options)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Outcome:
        """Make one of plain data.

        Raises:
            KeyError: A field is missing.
            TypeError: It is no mapping.
        """
        found = {one.name: data[one.name] for one in fields(cls)}
        return cls(**{**found, "options": tuple(found["options"])})

    @classmethod
    def read(cls, text: bytes, place: object) -> Outcome:
        """Read one.

        Args:
            text: The contents of the file.
            place: Where that is from.

        Raises:
            FormatError: It is none.
        """
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(
                f"this is no record of an outcome: {error}", file=place, remedy="delete its folder"
            ) from None


def figures_of(record: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what an index tells of the record of a compression.

    Args:
        record: What stands in ``netsurgery.json``.
    """
    proof = record["proof"]
    effect = proof["effect"] or {"blobs": []}
    return {
        **{when: _costs(record[when]) for when in ("before", "after")},
        "proof": "unproven" if proof["unproven"] else "passed" if proof["passed"] else "failed",
        **judged(record["quality"], effect["blobs"]),
    }


def judged(quality: Mapping[str, Any], blobs: Sequence[Mapping[str, Any]]) -> Dict[str, Any]:
    """Return what an index tells of a verdict on quality and of compared blobs."""
    errors = [blob["error"] for blob in blobs if blob["output"] and blob["error"] is not None]
    names = ("blob", "kind", "figure", "value", "good", "lost", "unit", "verdict")
    return {
        "quality": quality["verdict"],
        "error": max(errors, default=None),
        # One of which nothing could be measured has no figures.
        "outputs": [{name: one.get(name) for name in names} for one in quality["outputs"]],
    }


def _costs(costs: Mapping[str, Any]) -> Dict[str, Optional[int]]:
    return {name: costs[name] for name in ("params", "macs", "bytes")}


def last_words(*printed: str) -> str:
    """Return the last line that says something of the first text that has one."""
    for text in printed:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-1][:MOST_SAID]
    return ""


MOST_SAID = 500
"""Letters of a reason."""

Said = Tuple[str, str]
"""What came of a model, and why."""
