"""What a teacher answers on a bank of views: asked once, kept on disk, read a batch at a time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.engine import EngineLike
from netsurgery.errors import FormatError
from netsurgery.formats import make_folder, write_whole
from netsurgery.network import Model
from netsurgery.progress import Progress, silent
from netsurgery.training.bank import ViewBank
from netsurgery.training.objectives import (
    TARGET,
    WEIGHT,
    DetectorObjective,
    TeacherClassObjective,
    TeacherObjective,
    TeacherValueObjective,
)
from netsurgery.training.sightings import spread_weights
from netsurgery.training.teacher import Facts, Teacher, answer_file

MOST_BYTES = 2e9
"""What all answers may take on disk; there are fewer views where they would take more."""
_DONE = "done.json"
_VERSION = 1


class TeacherTargets:
    """What a teacher answers on every view of a bank, by the role of what is fed.

    Attributes:
        objectives: What is learned, with the scales that the answers have.
        bank: The views; perhaps fewer of each input than were asked for.
        notes: What is not as one might expect, a sentence each.
    """

    def __init__(
        self,
        objectives: Sequence[TeacherObjective],
        bank: ViewBank,
        folder: Path,
        facts: Sequence[Facts],
        notes: Sequence[str] = (),
    ) -> None:
        """Take answers that are there, see `make`."""
        self.bank = bank
        self._facts = {one.name: fact for one, fact in zip(objectives, facts)}
        self.objectives = tuple(map(_scaled, objectives, facts))
        self._objectives = {one.name: one for one in self.objectives}
        self._arrays = {
            role: np.load(answer_file(folder, role), mmap_mode="r")
            for one in objectives
            for role in one.roles
        }
        unseen = [one.value.blob for one, fact in zip(objectives, facts) if not fact.norm]
        self.notes = tuple(notes) + tuple(
            f"the teacher sees nothing in these inputs, so that {blob!r} learns nothing"
            for blob in unseen
        )

    @classmethod
    def make(
        cls,
        original: Model,
        objectives: Sequence[TeacherObjective],
        bank: ViewBank,
        engine: EngineLike,
        folder: Path,
        progress: Optional[Progress] = None,
    ) -> TeacherTargets:
        """Ask a teacher about every view of a bank, or find what it said before.

        Args:
            original: The teacher.
            objectives: What is learned of it, see `teacher_objectives`.
            bank: The views.
            engine: What runs it; the first that can if None.
            folder: Where answers are kept.
            progress: Told how many views were run.

        Raises:
            RequestError: The teacher has other inputs.
            NetworkError: It answers what is no number, or not the same for each input.
            EngineError: There is no engine, or it refuses the model.
            FormatError: The answers cannot be written.
        """
        teacher = Teacher(original, objectives, bank.inputs.whole_blobs)
        views = max(1, int(MOST_BYTES // max(1, teacher.bytes_each * len(bank.inputs))))
        notes = []
        if views < bank.views:
            notes.append(
                f"{views} views of each input in place of {bank.views}, as the teacher's answers "
                f"would take more than {MOST_BYTES / 1e9:g} GB"
            )
            bank = bank.of_at_most(views)
        digest = hashlib.sha256(
            repr((_VERSION, original.digest, bank.digest, list(map(_told, objectives)))).encode()
        ).hexdigest()
        facts = _read_facts(folder, digest, objectives)
        if facts is None:
            make_folder(folder)
            (folder / _DONE).unlink(missing_ok=True)
            facts = teacher.ask(bank, engine, folder, progress or silent)
            told = json.dumps({"digest": digest, "facts": [list(one) for one in facts]}) + "\n"
            write_whole(folder / _DONE, told.encode())
        return cls(objectives, bank, folder, facts, notes)

    @property
    def roles(self) -> Tuple[str, ...]:
        """What is fed of them, by role."""
        return tuple(self._arrays)

    def rows(self, role: str, numbers: np.ndarray) -> np.ndarray:
        """Return what a role is fed for some views, those of one behind those of another.

        Args:
            role: One of the roles of `objectives`.
            numbers: Numbers of views in the bank.

        Returns:
            float32, of the shape that the value has in a batch of so many inputs.
        """
        kind, _, name = role.partition(":")
        found = np.asarray(self._arrays[role][numbers], np.float32)
        if kind != WEIGHT:
            return found.reshape(-1, *found.shape[2:])
        target = self._arrays[f"{TARGET}:{name}"]
        shape = (len(numbers) * self._facts[name].rows, *target.shape[2:])
        objective = self._objectives[name]
        assert isinstance(objective, DetectorObjective), "no other has weights"
        spread = spread_weights(found.ravel(), shape, _axis(objective))
        return spread * np.float32(self._facts[name].norm)


def _axis(objective: DetectorObjective) -> Optional[int]:
    """Along which the numbers of a place lie."""
    return objective.detector.axis


def _scaled(objective: TeacherObjective, facts: Facts) -> TeacherObjective:
    if isinstance(objective, TeacherValueObjective):
        return replace(objective, scale=facts.scale)
    return objective


def _told(objective: TeacherObjective) -> Tuple[object, ...]:
    """What answers depend on, beside the teacher and the views."""
    found: Tuple[object, ...] = (type(objective).__name__, objective.name, objective.teachers)
    if isinstance(objective, TeacherClassObjective):
        found += (objective.temperature, objective.axis)
    if isinstance(objective, DetectorObjective):
        of = objective.detector
        found += (objective.counts_everywhere, of.scores, of.classes, of.axis, of.background)
        found += (of.least,)
    return found


def _read_facts(
    folder: Path, digest: str, objectives: Sequence[TeacherObjective]
) -> Optional[List[Facts]]:
    """What is known of answers that are there already; None where there are none of these."""
    try:
        data = json.loads((folder / _DONE).read_text(encoding="utf-8"))
        facts = [Facts(int(rows), float(s), float(n)) for rows, s, n in data["facts"]]
    except FileNotFoundError:
        return None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"is no list of a teacher's answers: {error}",
            file=folder / _DONE,
            remedy="delete the folder that it is in",
        ) from None
    return facts if data.get("digest") == digest and len(facts) == len(objectives) else None
