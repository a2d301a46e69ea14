"""What a net is trained towards: hard classes, or what a teacher answers. Data only.

What an objective compares with is fed to the training net; a *role* says what that is. `LABELS` is
the class of each input, ``data:INPUT`` the samples of an input of the net, ``given:NAME`` an array
that came beside the inputs; ``target:NAME``, ``label:NAME`` and ``weight:NAME`` are what is worked
out from the teacher's answers for the objective of that name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from netsurgery.network import Detector, Value

LABELS, DATA, GIVEN = "labels", "data:", "given:"
"""Roles of blobs that are fed the class of each input, the samples of an input by its name, and
the targets of a name that came beside the inputs."""
TARGET, LABEL, WEIGHT = "target", "label", "weight"
"""Kinds of what a teacher gives: numbers to come to, the best class, how much a number counts."""

TEMPERATURE = 2.0
"""What the classes of a teacher are softened by where nobody says so."""


def data_role(blob: str) -> str:
    """Return the role of what is fed to an input of the net that is used."""
    return f"{DATA}{blob}"


def given_role(name: str) -> str:
    """Return the role of targets that came beside the inputs under a name."""
    return f"{GIVEN}{name}"


class Given(NamedTuple):
    """Targets that came beside the inputs, or some of them.

    Attributes:
        name: Of the array.
        part: From which entry along axis 1 to before which; None: all.
    """

    name: str
    part: Optional[Tuple[int, int]] = None

    @property
    def role(self) -> str:
        """Their role."""
        return given_role(self.name)

    def of(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return them, of what is fed by role."""
        array = rows[self.role]
        return array if self.part is None else array[:, slice(*self.part)]


NOTHING = Given("")
"""No targets at all."""


@dataclass(frozen=True)
class Objective:
    """Something that a value of the net should come to.

    Attributes:
        name: A word, unique among the objectives of a net.
        value: The value, in the deploy net.
        weight: The factor of its loss.
    """

    name: str
    value: Value
    weight: float = 1.0

    @property
    def roles(self) -> Tuple[str, ...]:
        """What has to be fed for it."""
        raise NotImplementedError


@dataclass(frozen=True)
class LabelObjective(Objective):
    """Class scores, before any Softmax, whose largest should be that of the input's class.

    Attributes:
        axis: The axis of the classes.
        given: Where the class of each place of an input stands, if not in the inputs' labels.
        ignored: A class that says that there is none; beside negative ones.
        counts_ignored: The loss is a mean over all places, also those that have none.
    """

    axis: int = 1
    given: Optional[Given] = None
    ignored: Optional[int] = None
    counts_ignored: bool = False

    @property
    def roles(self) -> Tuple[str, ...]:
        """The labels."""
        return (LABELS if self.given is None else self.given.role,)

    def labels(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the class of each place, -1 for none, of what is fed by role; int64."""
        labels = self.told(rows)
        return labels if self.ignored is None else np.where(labels == self.ignored, -1, labels)

    def told(self, rows: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the label of each place as it is fed; int64."""
        found = rows[LABELS] if self.given is None else self.given.of(rows)
        return np.asarray(found).reshape(-1).astype(np.int64)


@dataclass(frozen=True)
class GivenObjective(Objective):
    """A value that should be as targets beside the inputs say.

    Attributes:
        given: The targets.
    """

    given: Given = NOTHING

    @property
    def roles(self) -> Tuple[str, ...]:
        """The targets."""
        return (self.given.role,)


@dataclass(frozen=True)
class GivenProbabilityObjective(GivenObjective):
    """Logits whose Sigmoid should be the targets, from 0 to 1.

    Attributes:
        ignored: A target that says that there is none.
        counts_ignored: The loss is a mean over all numbers, also those that have none.
    """

    ignored: Optional[int] = None
    counts_ignored: bool = True


@dataclass(frozen=True)
class GivenValueObjective(GivenObjective):
    """Numbers that should be the targets: half the mean square of what they are off.

    Attributes:
        scale: What differences are divided by: the standard deviation of the targets.
    """

    scale: float = 1.0


@dataclass(frozen=True)
class TeacherObjective(Objective):
    """A value that should be as the teacher has it.

    Attributes:
        taught: The value in the teacher, if it is another there.
    """

    fed: ClassVar[Tuple[str, ...]] = (TARGET,)
    taught: Optional[Value] = None

    @property
    def teachers(self) -> Value:
        """The value of the teacher."""
        return self.value if self.taught is None else self.taught

    @property
    def roles(self) -> Tuple[str, ...]:
        """What is worked out from the teacher's answers."""
        return tuple(self.role(kind) for kind in self.fed)

    def role(self, kind: str) -> str:
        """Return the role of what is fed: of `TARGET`, `LABEL` or `WEIGHT`."""
        return f"{kind}:{self.name}"


@dataclass(frozen=True)
class TeacherClassObjective(TeacherObjective):
    """Class scores whose Softmax at a temperature should be the teacher's (Hinton 2015).

    Fed are the teacher's best class y, and onehot(y) - t, where t are its probabilities: the cross
    entropy to t is that to y plus the inner product of onehot(y) - t and the scores, which stock
    layers compute exactly, however large the scores are.

    Attributes:
        temperature: What scores are divided by. The loss is multiplied by its square, so that
            gradients keep their size.
        axis: The axis of the classes.
    """

    fed: ClassVar[Tuple[str, ...]] = (LABEL, TARGET)
    temperature: float = TEMPERATURE
    axis: int = 1


@dataclass(frozen=True)
class TeacherProbabilityObjective(TeacherObjective):
    """Logits whose Sigmoid should be the teacher's."""


@dataclass(frozen=True)
class TeacherValueObjective(TeacherObjective):
    """Numbers that should be the teacher's: half the mean square of what they are off.

    Attributes:
        scale: What differences are divided by: the standard deviation of the teacher's numbers.
        weighted: Each number counts as much as the square of a weight that is fed says.
    """

    scale: float = 1.0
    weighted: bool = False

    @property
    def roles(self) -> Tuple[str, ...]:
        """The target, and its weights."""
        kinds = (*self.fed, WEIGHT) if self.weighted else self.fed
        return tuple(self.role(kind) for kind in kinds)


def _no_detector() -> Detector:
    """What a `DetectorObjective` is never without, though fields before it have defaults."""
    raise TypeError("a DetectorObjective is of a detector")


@dataclass(frozen=True)
class DetectorObjective(TeacherValueObjective):
    """Scores before their Softmax, or boxes, that count where the teacher sees something.

    Attributes:
        detector: The teacher's detector. Of scores, its ``scores`` are the Softmax of ``teachers``,
            place by place.
        counts_everywhere: They count a little where it sees nothing: that there is nothing has to
            be told, but no box.
    """

    weighted: bool = True
    detector: Detector = field(default_factory=_no_detector)
    counts_everywhere: bool = False


@dataclass(frozen=True)
class HintObjective(TeacherValueObjective):
    """A blob on the way that should be as the teacher's of the same shape (Romero 2015)."""
