"""The stock layers that compute an objective, as prototxt to put behind a net."""

from __future__ import annotations

from math import prod
from typing import Dict, List, Mapping, NamedTuple, Optional, Set, Tuple, Union

from netsurgery.errors import RequestError
from netsurgery.formats import quoted, render
from netsurgery.network import Shape, fresh_name
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

_Numbers = Mapping[str, Union[str, int]]


class LossText(NamedTuple):
    """Layers that compute an objective.

    Attributes:
        text: The layers, in V2, with an Input layer for each blob that is fed.
        fed: Blobs to feed: the role of each (see `objectives`) and its shape.
        losses: Loss blobs and their weights.
    """

    text: bytes
    fed: Dict[str, Tuple[str, Shape]]
    losses: Dict[str, float]


def loss_text(
    objective: Objective, blob: str, shape: Shape, batch: int, taken: Set[str]
) -> LossText:
    """Return the layers that compute an objective.

    Args:
        objective: What the blob should come to.
        blob: The blob that holds its value in the training net.
        shape: The shape of that, for a whole batch.
        batch: The number of inputs in a batch.
        taken: Names of layers and blobs that there are; gains the new ones.

    Raises:
        RequestError: The blob has no such axis of classes, or not a class for each input.
    """
    writer = _Writer(objective, blob, shape, batch, taken)
    if isinstance(objective, LabelObjective):
        return writer.labels(objective)
    if isinstance(objective, TeacherClassObjective):
        return writer.teacher_classes(objective)
    if isinstance(objective, GivenProbabilityObjective):
        return writer.probabilities(objective.given.role)
    if isinstance(objective, GivenValueObjective):
        return writer.values(objective.given.role, objective.scale)
    if isinstance(objective, TeacherProbabilityObjective):
        return writer.probabilities(objective.role(TARGET))
    if isinstance(objective, TeacherValueObjective):
        weight = objective.role(WEIGHT) if objective.weighted else None
        return writer.values(objective.role(TARGET), objective.scale, weight)
    raise TypeError(f"no layers are known for a {type(objective).__name__}")


def accuracy_text(
    objective: LabelObjective, blob: str, label: str, taken: Set[str]
) -> Tuple[bytes, str]:
    """Return a layer that counts right classes of a batch, and the blob that it makes.

    Args:
        objective: The objective whose classes they are.
        blob: The class scores.
        label: The blob that is fed the labels.
        taken: Names that there are; gains the new one.
    """
    name = fresh_name("accuracy", taken)
    names = {"scores": blob, "label": label, "accuracy": name}
    return _filled("training_accuracy", names, {"axis": objective.axis}), name


def input_text(blob: str, shape: Shape) -> bytes:
    """Return an Input layer that declares a blob."""
    dims = " ".join(f"dim: {size}" for size in shape)
    return _filled("training_input", {"blob": blob}, {"dims": dims})


class _Writer:
    """Writes the layers of one objective, and collects what they are fed."""

    def __init__(
        self, objective: Objective, blob: str, shape: Shape, batch: int, taken: Set[str]
    ) -> None:
        self._objective, self._blob, self._shape = objective, blob, shape
        self._batch, self._taken = batch, taken
        self._parts: List[bytes] = []
        self._fed: Dict[str, Tuple[str, Shape]] = {}
        if batch < 1 or prod(shape) % batch:
            raise RequestError(f"blob {blob!r} of shape {shape} is not of {batch} inputs")

    def labels(self, objective: LabelObjective) -> LossText:
        """Hard classes; the mean over the inputs that have one."""
        if prod(self._shape) // self._classes(objective.axis) != self._batch:
            raise RequestError(
                f"blob {self._blob!r} of shape {self._shape} has scores at several places of an "
                "input, and labels are one class for each",
                remedy="name the output that they are for, or give a teacher",
            )
        label = self._input(LABELS, LABELS, (self._batch,))
        loss = self._name("loss")
        numbers: _Numbers = {"weight": _number(objective.weight), "axis": objective.axis}
        names = {"scores": self._blob, "label": label, "loss": loss}
        self._parts.append(_filled("loss_labels", names, numbers))
        return self._done({loss: objective.weight})

    def teacher_classes(self, objective: TeacherClassObjective) -> LossText:
        """Soft classes; the mean over all places of all inputs."""
        shape, axis = self._shape, objective.axis
        places = prod(shape) // self._classes(axis)
        label = self._input(objective.role(LABEL), LABEL, (*shape[:axis], *shape[axis + 1 :]))
        target = self._input(objective.role(TARGET), TARGET, shape)
        weight = objective.weight * objective.temperature**2 / places
        loss, rest = self._name("loss"), self._name("soft_loss")
        names = {"scores": self._blob, "label": label, "target": target, "loss": loss}
        names.update(rest=rest, soft=self._name("softened"), product=self._name("soft_product"))
        inverse = _number(1 / objective.temperature)
        numbers: _Numbers = {
            "weight": _number(weight),
            "axis": axis,
            "inverse_temperature": inverse,
        }
        self._parts.append(_filled("loss_teacher_classes", names, numbers))
        return self._done({loss: weight, rest: weight})

    def probabilities(self, role: str) -> LossText:
        """Soft cross entropy of each logit; the mean over all of them."""
        target = self._input(role, TARGET, self._shape)
        # Divided by the batch is what every Caffe does, also those that know no normalization.
        weight = self._objective.weight * self._shape[0] / prod(self._shape)
        loss = self._name("loss")
        names = {"scores": self._blob, "target": target, "loss": loss}
        filled = _filled("loss_teacher_probabilities", names, {"weight": _number(weight)})
        self._parts.append(filled)
        return self._done({loss: weight})

    def values(self, role: str, scale: float, weights: Optional[str] = None) -> LossText:
        """Half the mean of squares of what numbers are off, in units of their scale."""
        target = self._input(role, TARGET, self._shape)
        weight = self._objective.weight * 0.5 / (prod(self._shape) * scale**2)
        loss, difference = self._name("loss"), self._name("difference")
        names = {"values": self._blob, "target": target, "difference": difference, "loss": loss}
        names["compared"], weighing = difference, b""
        if weights is not None:
            importance = self._input(weights, WEIGHT, self._shape)
            names["compared"] = self._name("weighed")
            parts = {"difference": difference, "importance": importance}
            parts["weighed"] = names["compared"]
            weighing = _filled("loss_teacher_weights", parts, {})
        numbers = {"weight": _number(weight), "weighing": weighing.decode("latin-1")}
        self._parts.append(_filled("loss_teacher_values", names, numbers))
        return self._done({loss: weight})

    def _classes(self, axis: int) -> int:
        if not 0 < axis < len(self._shape):
            raise RequestError(f"blob {self._blob!r} of shape {self._shape} has no axis {axis}")
        return self._shape[axis]

    def _name(self, suffix: str) -> str:
        return fresh_name(f"{self._objective.name}_{suffix}", self._taken)

    def _input(self, role: str, suffix: str, shape: Shape) -> str:
        name = self._name(suffix)
        self._parts.append(input_text(name, shape))
        self._fed[name] = (role, shape)
        return name

    def _done(self, losses: Dict[str, float]) -> LossText:
        return LossText(b"".join(self._parts), self._fed, losses)


def _filled(template: str, names: Mapping[str, str], numbers: _Numbers) -> bytes:
    return render(template, {**{key: quoted(name) for key, name in names.items()}, **numbers})


def _number(value: float) -> str:
    """A number as prototxt, to the last bit of a float."""
    return f"{value:.9g}"
