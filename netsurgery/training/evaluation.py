"""How good a net is on inputs that are kept aside: its losses, and shares that people know."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Protocol, Sequence

import numpy as np

from netsurgery.calibration import Inputs, common_batch
from netsurgery.engine import TrainingSession
from netsurgery.network import Model, Value
from netsurgery.training.augmentation import Augmentation, plain_inputs
from netsurgery.training.feed import PlainRows, Targets
from netsurgery.training.history import Judged
from netsurgery.training.objectives import (
    LABEL,
    LABELS,
    TARGET,
    WEIGHT,
    GivenProbabilityObjective,
    GivenValueObjective,
    LabelObjective,
    Objective,
    TeacherClassObjective,
    TeacherProbabilityObjective,
    TeacherValueObjective,
)
from netsurgery.training.opening import evaluated

ACCURACY, AGREEMENT = "accuracy", "agreement"
"""The share of labels that the net gets right; of inputs that it puts as its teacher does."""

JUDGED = 64
"""Views of the inputs kept aside that judge a net, where these are fewer."""

Rows = Mapping[str, np.ndarray]
"""What is fed beside the inputs, by role; rows along axis 0."""


class RowSource(Protocol):
    """What knows the rows that belong to inputs: a teacher's answers, labels."""

    def rows(self, numbers: np.ndarray) -> Rows:
        """Return them.

        Args:
            numbers: Of the inputs, as these stand.
        """


@dataclass(frozen=True)
class Measured:
    """What an objective came to on some inputs.

    Attributes:
        total: The sum of its loss, weight included, over all that it is a mean of.
        count: Of how much it is a mean.
        right: How many of `rows` are as they should be; None where there is no right and wrong.
        rows: Of how many.
    """

    total: float
    count: int
    right: Optional[int] = None
    rows: int = 0


def measured(objective: Objective, values: np.ndarray, rows: Rows) -> Measured:
    """Return what an objective comes to, in float64, as the layers of its loss compute it.

    Args:
        objective: The objective.
        values: What the net makes, shape (N, ...).
        rows: What is fed for it, see `Objective.roles`.
    """
    values = values.astype(np.float64)
    if isinstance(objective, LabelObjective):
        return _of_labels(objective, values, objective.labels(rows))
    if isinstance(objective, TeacherClassObjective):
        return _of_classes(objective, values, rows)
    if isinstance(objective, TeacherProbabilityObjective):
        return _of_probabilities(objective.weight, values, rows[objective.role(TARGET)])
    if isinstance(objective, GivenProbabilityObjective):
        return _of_given_probabilities(objective, values, objective.given.of(rows))
    if isinstance(objective, GivenValueObjective):
        apart = (values - objective.given.of(rows).reshape(values.shape)) / objective.scale
        return Measured(0.5 * objective.weight * float((apart**2).sum()), apart.size)
    if isinstance(objective, TeacherValueObjective):
        apart = (values - rows[objective.role(TARGET)]) / objective.scale
        if objective.weighted:
            apart = apart * rows[objective.role(WEIGHT)]
        total = 0.5 * objective.weight * float((apart**2).sum())
        return Measured(total, apart.size)
    raise TypeError(f"nothing is known of a {type(objective).__name__}")


def _of_probabilities(weight: float, logits: np.ndarray, target: np.ndarray) -> Measured:
    target = target.astype(np.float64).reshape(logits.shape)
    each = np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))
    agree = int(np.count_nonzero((logits > 0) == (target > 0.5)))
    return Measured(weight * float(each.sum()), each.size, agree, each.size)


def _of_given_probabilities(
    objective: GivenProbabilityObjective, logits: np.ndarray, target: np.ndarray
) -> Measured:
    told = target.reshape(logits.shape)
    if objective.ignored is None:
        return _of_probabilities(objective.weight, logits, told)
    counts = told != objective.ignored
    found = _of_probabilities(objective.weight, logits[counts], told[counts])
    return replace(found, count=told.size) if objective.counts_ignored else found


def _of_labels(objective: LabelObjective, values: np.ndarray, wanted: np.ndarray) -> Measured:
    scores = _class_rows(values, objective.axis)
    labelled = wanted >= 0  # others have no part in it
    scores, wanted = scores[labelled], wanted[labelled]
    rows = np.arange(len(wanted))
    total = -objective.weight * float(_log_softmax(scores)[rows, wanted].sum())
    right = int(np.count_nonzero(scores.argmax(axis=1) == wanted))
    count = len(labelled) if objective.counts_ignored else len(wanted)
    return Measured(total, count, right, len(wanted))


def _of_classes(objective: TeacherClassObjective, values: np.ndarray, rows: Rows) -> Measured:
    scores = _class_rows(values, objective.axis) / objective.temperature
    best = np.asarray(rows[objective.role(LABEL)]).reshape(-1).astype(np.int64)
    apart = _class_rows(rows[objective.role(TARGET)].astype(np.float64), objective.axis)
    places = np.arange(len(best))
    each = (apart * scores).sum(axis=1) - _log_softmax(scores)[places, best]
    weight = objective.weight * objective.temperature**2
    right = int(np.count_nonzero(scores.argmax(axis=1) == best))
    return Measured(weight * float(each.sum()), len(best), right, len(best))


def _class_rows(values: np.ndarray, axis: int) -> np.ndarray:
    """A row of scores for each place."""
    return np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


class ViewRows:
    """What is compared with where several views of each input are judged: labels and targets."""

    def __init__(self, inputs: Inputs, numbers: np.ndarray, targets: Targets) -> None:
        """Take it.

        Args:
            inputs: All inputs.
            numbers: Numbers of the views that are judged.
            targets: What a teacher answers.
        """
        self._inputs, self._numbers, self._targets = inputs, numbers, targets

    def rows(self, numbers: np.ndarray) -> Dict[str, np.ndarray]:
        """Return it by role, for some of the views.

        Args:
            numbers: Places among them.
        """
        views = self._numbers[numbers]
        found = {role: self._targets.rows(role, views) for role in self._targets.roles}
        if self._inputs.labels is not None:
            found[LABELS] = self._inputs.labels[views // self._targets.bank.views]
        return found


def held_out_judge(
    model: Model,
    objectives: Sequence[Objective],
    inputs: Inputs,
    part: np.ndarray,
    augmentation: Augmentation,
    targets: Optional[Targets] = None,
) -> HeldOutJudge:
    """Return what judges a net by inputs that are kept aside.

    They are judged as they are, without chance. Where a teacher has answered several views of each,
    and there are less than `JUDGED` of them, some of these join in: the plain views of three photos
    would tell nothing.

    Args:
        model: The net as it is used.
        objectives: What it should come to.
        inputs: All inputs.
        part: Numbers of those that are kept aside.
        augmentation: What views are drawn.
        targets: What a teacher answers.
    """
    views = 1 if targets is None else min(targets.bank.views, -(-JUDGED // len(part)))
    if targets is None or views == 1:
        aside = plain_inputs(inputs.chosen(part), augmentation)
        return HeldOutJudge(model, objectives, aside, PlainRows(inputs, part, targets))
    numbers = np.add.outer(part * targets.bank.views, np.arange(views)).ravel()
    aside = targets.bank.as_inputs().chosen(numbers)
    return HeldOutJudge(model, objectives, aside, ViewRows(inputs, numbers, targets))


class HeldOutJudge:
    """Judges a net that is being trained by inputs that it is never trained on."""

    def __init__(
        self, model: Model, objectives: Sequence[Objective], inputs: Inputs, rows: RowSource
    ) -> None:
        """Take what is needed.

        Args:
            model: The net as it is used.
            objectives: What it should come to.
            inputs: Those that were kept aside.
            rows: What is compared with, for each of them.
        """
        self._objectives, self._inputs, self._rows = tuple(objectives), inputs, rows
        _, names = evaluated(model)
        self._blobs: Dict[Value, str] = {one.value: names[one.value] for one in objectives}
        self._size, self._cuts = common_batch(inputs, model.network())

    def judge(self, session: TrainingSession) -> Judged:
        """Return the loss on these inputs, with the share that is right.

        Raises:
            EngineError: The engine gave up.
        """
        found: List[List[Measured]] = [[] for _ in self._objectives]
        blobs = sorted(set(self._blobs.values()))
        start = 0
        for batch in self._inputs.batches(self._size):
            made = session.evaluate(batch.inputs, blobs)
            rows = self._rows.rows(np.arange(start, start + batch.count))
            start += batch.count
            for objective, one in zip(self._objectives, found):
                values = batch.cut(made[self._blobs[objective.value]])
                one.append(measured(objective, values, rows))
        return self._judged(found)

    def _judged(self, found: Sequence[Sequence[Measured]]) -> Judged:
        loss = sum(
            sum(one.total for one in batches) / max(1, sum(one.count for one in batches))
            for batches in found
        )
        figures: Dict[str, float] = {}
        for name, kind in ((ACCURACY, LabelObjective), (AGREEMENT, TeacherClassObjective)):
            told = [
                m for o, one in zip(self._objectives, found) if isinstance(o, kind) for m in one
            ]
            rows = sum(m.rows for m in told)
            if rows:  # inputs without a label tell nothing
                figures[name] = sum(m.right or 0 for m in told) / rows
        leading = ACCURACY if ACCURACY in figures else None
        return Judged(loss if math.isfinite(loss) else math.nan, figures, leading)
