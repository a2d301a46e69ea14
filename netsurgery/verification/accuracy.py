"""How many labels two models get right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from netsurgery.calibration import Inputs
from netsurgery.errors import VerificationError
from netsurgery.network import Model, infer_shapes
from netsurgery.quality import holds_scores
from netsurgery.verification.tallies import Blobs, class_scores, count_in_top


@dataclass(frozen=True)
class Accuracy:
    """Share of labels that two nets get right.

    Attributes:
        output: The blob whose best class counts.
        count: Number of labels.
        before: Of the first net.
        after: Of the second.
        before_top5: Label among the best five, first net; None where there are no more than five.
        after_top5: The same of the second net.
    """

    output: str
    count: int
    before: float
    after: float
    before_top5: Optional[float] = None
    after_top5: Optional[float] = None


class AccuracyTally:
    """Counts the labels that two nets get right."""

    def __init__(self, output: str) -> None:
        self.output = output
        self._count = 0
        self._right: dict[int, list[int]] = {}

    def add(self, labels: np.ndarray, a: Blobs, b: Blobs) -> None:
        """Take in the labels and blobs of a batch.

        Raises:
            VerificationError: The output has no row per label, or too few classes.
        """
        for side, blobs in enumerate((a, b)):
            shape = blobs[self.output].shape
            low, high = labels.min(), labels.max()
            if (
                not holds_scores(shape)
                or len(labels) != shape[0]
                or not 0 <= low <= high < shape[1]
            ):
                raise VerificationError(
                    f"output {self.output!r} of shape {shape} has no place for {len(labels)} "
                    f"labels from {low} to {high}"
                )
            scores = class_scores(blobs[self.output])
            for most in (1, 5) if scores.shape[1] > 5 else (1,):
                right = self._right.setdefault(most, [0, 0])
                right[side] += count_in_top(scores, labels, most)
        self._count += len(labels)

    def result(self) -> Accuracy:
        """Return the share of labels that each net got right."""
        shares = [
            right / self._count for most in sorted(self._right) for right in self._right[most]
        ]
        return Accuracy(self.output, self._count, *shares)


def refuse_labels(model: Model, inputs: Optional[Inputs]) -> None:
    """See that some output may have a class for every label, before anything is run.

    Args:
        model: The model.
        inputs: What it will be run on, if anything is given.

    Raises:
        VerificationError: None has.
    """
    if inputs is None or inputs.labels is None:
        return
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    known = [shapes[value] for value in network.outputs]
    low, high = int(inputs.labels.min()), int(inputs.labels.max())
    fits = [shape is None or (holds_scores(shape) and high < shape[1]) for shape in known]
    if low < 0 or not any(fits):
        outputs = ", ".join(map(str, known)) or "none"
        raise VerificationError(
            f"there are labels from {low} to {high}, and the net's outputs ({outputs}) have no "
            "such class",
            remedy="give the labels that belong to the net",
        )
