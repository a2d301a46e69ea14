"""What a small net can learn from the net that it was made of: one objective for each output."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Dict, Mapping, Optional, Sequence, Set, Tuple

from netsurgery.errors import Remedy, RequestError
from netsurgery.network import Detector, Model, Value, fresh_name
from netsurgery.quality import CLASSES, PROBABILITIES, SEGMENTATION, require_outputs
from netsurgery.training.net_outputs import NetOutputs
from netsurgery.training.objectives import (
    TEMPERATURE,
    DetectorObjective,
    HintObjective,
    TeacherClassObjective,
    TeacherObjective,
    TeacherProbabilityObjective,
    TeacherValueObjective,
)

HINT_WEIGHT = 0.1
"""The weight of a blob on the way, beside an output."""


def teacher_objectives(
    original: Model,
    small: Model,
    *,
    temperature: float = TEMPERATURE,
    hints: Sequence[str] = (),
    weight: float = 1.0,
    output_kinds: Optional[Mapping[str, str]] = None,
    task_output: Optional[str] = None,
) -> Tuple[TeacherObjective, ...]:
    """Return what a small net can learn of another one: outputs of the same names, and hints.

    Classes are compared before their Softmax, at a temperature; probabilities before their Sigmoid;
    what detections are chosen from in place of them, and all else by squares. Scales of these are
    not known yet, see `TeacherTargets`.

    Args:
        original: The teacher.
        small: The net that learns.
        temperature: Of classes.
        hints: Blobs on the way that both have, of the same shape.
        weight: Of the loss of each output.
        output_kinds: What outputs are, by blob, where the nets do not tell.
        task_output: The only output that counts: scores of classes.

    Raises:
        RequestError: An output or a hint is of another shape in the teacher, or not there.
        VerificationError: There is no such output, or no such kind.
    """
    if not temperature > 0:
        raise RequestError(Remedy("{} is a positive number", "temperature"))
    chosen = output_kinds or {}
    require_outputs(small.network(), chosen, task_output)
    nets = NetOutputs(small, chosen, task_output), NetOutputs(original, chosen, task_output)
    writer = _Objectives(*nets, temperature, weight)
    for blob in writer.small.outputs if task_output is None else (task_output,):
        writer.add_output(blob)
    for blob in hints:
        writer.add_hint(blob)
    return tuple(writer.found.values())


class _Objectives:
    """Collects objectives, one for each value that is compared."""

    def __init__(
        self, small: NetOutputs, teacher: NetOutputs, temperature: float, weight: float
    ) -> None:
        self.small, self.teacher = small, teacher
        self.found: Dict[Value, TeacherObjective] = {}
        self._temperature, self._weight = temperature, weight
        self._taken: Set[str] = set()

    def add_output(self, blob: str) -> None:
        """Add what an output is told from."""
        if blob not in self.teacher.outputs:
            raise RequestError(
                f"the net has an output {blob!r}, and its teacher has none of that name",
                file=self.teacher.file,
                remedy=Remedy("give the net that it was made of as {}", "teacher"),
            )
        small, taught = self.small.outputs[blob], self.teacher.outputs[blob]
        kind = self.small.kinds[small].name
        detectors = self.small.detector(small), self.teacher.detector(taught)
        logits = self.small.logits(small), self.teacher.logits(taught)
        if detectors[0] is not None and detectors[1] is not None:
            self._add_detector(small, taught, detectors[0], detectors[1])
        elif kind in (CLASSES, SEGMENTATION):
            mine, others = self.small.scores(small), self.teacher.scores(taught)
            made = TeacherClassObjective("", mine.value, temperature=self._temperature)
            self._add(replace(made, axis=mine.axis), others.value)
        elif kind == PROBABILITIES and logits[0] is not None and logits[1] is not None:
            self._add(TeacherProbabilityObjective("", logits[0]), logits[1])
        else:
            self._add(TeacherValueObjective("", small), taught)

    def add_hint(self, blob: str) -> None:
        """Add a blob on the way."""
        small, taught = self.small.last(blob), self.teacher.last(blob)
        if small is None or taught is None:
            whose = "the net" if small is None else "its teacher"
            raise RequestError(
                Remedy(f"{whose} has no blob {blob!r} to be one of the {{}}", "hints"),
                file=(self.small if small is None else self.teacher).file,
                remedy="name one that both have",
            )
        sizes = self.small.shape(small), self.teacher.shape(taught)
        if sizes[0] and sizes[1] and len(sizes[0]) == len(sizes[1]) and sizes[0][1] < sizes[1][1]:
            raise RequestError(
                Remedy(
                    f"blob {blob!r} of the {{}} was thinned to {sizes[0][1]:g} of its teacher's "
                    f"{sizes[1][1]:g} channels, and can only be compared where all are left",
                    "hints",
                ),
                file=self.small.file,
                remedy=self._whole_blobs(),
            )
        self._add(HintObjective("", small, HINT_WEIGHT), taught)

    def _whole_blobs(self) -> str:
        """What to do where a blob has lost channels."""
        network = self.small.network
        told = {value.blob for value in (*network.inputs, *network.outputs)}
        for value in reversed(network.values):  # the nearest to the outputs tell most
            taught, shape = self.teacher.last(value.blob), self.small.shape(value)
            if value.blob in told or value in self.found or taught is None or shape is None:
                continue
            if self.teacher.shape(taught) == shape:
                return f"name one that lost none, such as {value.blob!r}"
        return "leave it out: none has kept all of its channels"

    def _add_detector(self, small: Value, taught: Value, mine: Detector, others: Detector) -> None:
        """Add scores and boxes: of an output that is either, or of a list of detections both."""
        if mine.layer is not None or small == mine.scores:
            pair = self.small.scores(mine.scores), self.teacher.scores(others.scores)
            seen = others
            if pair[1].softmax is not None:
                seen = replace(others, scores=pair[1].softmax, axis=pair[1].axis)
            made = DetectorObjective("", pair[0].value, detector=seen, counts_everywhere=True)
            self._add(made, pair[1].value)
        boxes = [(small, taught)] if small != mine.scores else []
        if mine.layer is not None:
            boxes = list(zip(mine.boxes, others.boxes))
        for box, taught_box in boxes:
            self._add(DetectorObjective("", box, detector=others), taught_box)

    def _add(self, objective: TeacherObjective, taught: Value) -> None:
        """Name an objective and take it, if the value has none yet."""
        value = objective.value
        if value in self.found:
            return
        shapes = self.small.shape(value), self.teacher.shape(taught)
        if shapes[0] != shapes[1] and None not in shapes:
            told = [f"{one.blob!r} {_told(shape)}" for one, shape in zip((value, taught), shapes)]
            raise RequestError(
                f"what is compared has one shape in the net, {told[0]}, and another in its "
                f"teacher, {told[1]}",
                remedy="leave it out, or give the net that it was made of",
            )
        self.found[value] = replace(
            objective,
            name=fresh_name(re.sub(r"\W+", "_", value.blob), self._taken),
            weight=objective.weight * self._weight,
            taught=taught,
        )


def _told(shape: Optional[Tuple[float, ...]]) -> str:
    return "x".join(f"{size:g}" for size in shape or ())
