"""The one table of limits: up to where an output is good, and from where it is lost.

Why they stand where they do, and what they say of nets that were measured, is told in
``docs/quality.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterator, Optional, Tuple

GOOD, DEGRADED, LOST, UNJUDGED = "good", "degraded", "lost", "unjudged"

CLASSES = "classes"
SEGMENTATION = "segmentation"
PROBABILITIES = "probabilities"
DETECTIONS = "detections"
BOXES = "boxes"
EMBEDDINGS = "embeddings"
PICTURE = "picture"
MAP = "map"
NUMBERS = "numbers"

KINDS: Dict[str, str] = {
    CLASSES: "a score for each class, of which the best is the answer",
    SEGMENTATION: "a score for each class at each pixel, anchor or time step",
    PROBABILITIES: "numbers from 0 to 1 that do not exclude each other",
    DETECTIONS: "a list of things found, or scores of boxes",
    BOXES: "numbers that belong to detections: boxes, landmarks",
    EMBEDDINGS: "vectors whose direction counts",
    PICTURE: "an image",
    MAP: "numbers at each place",
    NUMBERS: "any other numbers",
}
"""What an output may be, and what that means."""


@dataclass(frozen=True)
class Limits:
    """Up to where a figure of an output is good, and beyond where the output is lost.

    Attributes:
        figure: What is measured.
        good: The last value that is good.
        lost: The last value that is not lost.
        meaning: What the figure is, in a line.
        unit: Its unit: ``"%"`` (values are shares), ``"points"``, ``"dB"`` or none.
        user: The limit of the user that takes the place of these: ``"max_error"`` or
            ``"min_agreement"``.
        beside: It stands beside another figure, which says what is lost.
    """

    figure: str
    good: float
    lost: float
    meaning: str
    unit: str = ""
    user: Optional[str] = None
    beside: bool = False

    @property
    def falls(self) -> bool:
        """Whether the figure is the better, the larger it is."""
        return self.good > self.lost

    def judge(self, value: float, step: float = 0.0) -> str:
        """Return the verdict on a value.

        Args:
            value: The figure.
            step: How much one sample counts in it: it alone does not make an output lost.
        """
        sign = -1.0 if self.falls else 1.0
        if sign * value <= sign * self.good:
            return GOOD
        return LOST if not sign * value - step <= sign * self.lost else DEGRADED

    def lost_share(self, value: float) -> float:
        """Return what a value of the figure means as a share that is lost: 0 where nothing is.

        Points of accuracy are hundredths, of an agreement what is missing to 1, and of decibels
        the root mean square of the noise, as a share of the peak.
        """
        if self.unit == "points":
            return value / 100
        if self.unit == "dB":
            return 10.0 ** (-value / 20)
        return 1.0 - value if self.falls else value

    def told(self, value: float) -> str:
        """Return a value of the figure as people write it."""
        if self.unit == "%":
            return f"{100 * value:.4g}%"
        return f"{value:.4g} {self.unit}".rstrip()

    @property
    def words(self) -> str:
        """Return the limits in words: ``good up to 1, lost above 5``."""
        upto, beyond = ("from", "below") if self.falls else ("up to", "above")
        unit = f" {self.unit}"
        good, lost = (self.told(limit).replace(unit, "") for limit in (self.good, self.lost))
        return f"good {upto} {good}, lost {beyond} {lost}"


ACCURACY = Limits(
    "accuracy lost",
    1.0,
    5.0,
    "points of accuracy, on the labels that were given",
    "points",
    "min_agreement",
)
AGREEMENT = Limits(
    "agreement", 0.98, 0.85, "share of samples whose best class stays", "%", "min_agreement"
)
PIXELS = Limits(
    "agreement", 0.98, 0.90, "share of places whose best class stays", "%", "min_agreement"
)
OVERLAP = Limits(
    "class overlap",
    0.90,
    0.60,
    "places of a class in both over places of it in either, the mean over the original's classes",
    "%",
    "min_agreement",
    beside=True,
)
MATCHED = Limits(
    "matched", 0.95, 0.80, "share of the original's detections found again", "%", "min_agreement"
)
NEW = Limits("new", 0.05, 0.20, "detections that the original has not, for each of its own", "%")
COSINE = Limits("cosine", 0.99, 0.95, "of the angle between vectors, the mean over samples")
PSNR = Limits(
    "PSNR",
    40.0,
    30.0,
    "peak signal to noise, the mean over samples; the peak is the original's range",
    "dB",
    "max_error",
)
ERROR = Limits(
    "error",
    0.05,
    0.20,
    "relative error of a sample, at most 1, the mean over samples",
    "%",
    "max_error",
)
UNEXPLAINED = Limits(
    "unexplained",
    0.30,
    1.0,
    "where the error is not good: its square over the variance from sample to sample; at 100%, "
    "a constant would do as well",
    "%",
    "max_error",
    beside=True,
)

LIMITS: Dict[str, Tuple[Limits, ...]] = {
    CLASSES: (ACCURACY, AGREEMENT),
    SEGMENTATION: (PIXELS, OVERLAP),
    PROBABILITIES: (ERROR,),
    DETECTIONS: (MATCHED, NEW),
    BOXES: (ERROR,),
    EMBEDDINGS: (COSINE, UNEXPLAINED),
    PICTURE: (PSNR,),
    MAP: (ERROR, UNEXPLAINED),
    NUMBERS: (ERROR, UNEXPLAINED),
}
"""The limits of each kind; of classes, accuracy where there are labels, else agreement."""


def limit_rows() -> Iterator[Tuple[str, str, str, str, str]]:
    """Yield the table as text: kind, figure, good, lost, meaning."""
    for kind, limits in LIMITS.items():
        for one in limits:
            good, lost = (
                f"{sign} {one.told(value)}"
                for sign, value in zip(
                    (">=", "<") if one.falls else ("<=", ">"), (one.good, one.lost)
                )
            )
            yield kind, one.figure, good, lost, one.meaning
