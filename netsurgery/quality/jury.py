"""All judges of a net, and the verdict they come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Container, Dict, List, Mapping, NamedTuple, Sequence

from netsurgery.network import Value
from netsurgery.quality.classes import ClassJudge
from netsurgery.quality.errors import BoxJudge, PictureJudge, error_judge
from netsurgery.quality.found import SURE, FoundJudge
from netsurgery.quality.judge import Blobs, Judge
from netsurgery.quality.kinds import OutputKind
from netsurgery.quality.limits import (
    BOXES,
    CLASSES,
    DETECTIONS,
    GOOD,
    LOST,
    PICTURE,
    SEGMENTATION,
    UNJUDGED,
)
from netsurgery.quality.verdict import GIVE_PICTURES, ORDER, OutputQuality, Quality

_RANDOM = "random inputs say nothing of what is left of a net that was trained on others"
_NOISE = "it differs by float noise alone"


class Circumstances(NamedTuple):
    """What the figures do not tell.

    Attributes:
        random: The inputs are drawn, not taken from life.
        equal: Outputs that agree to float noise, in all that they are told from.
        spoilt: What makes outputs lost without a figure: another shape, values that are NaN.
        missing: Outputs that only the original has.
        limited: Limits that the user gave in place of the table's: ``max_error``,
            ``min_agreement``.
        failing: Outputs that do not keep to the user's limits.
        accepted: A loss is accepted.
    """

    random: bool
    equal: Container[str]
    spoilt: Mapping[str, str]
    missing: Sequence[str] = ()
    limited: Container[str] = ()
    failing: Container[str] = ()
    accepted: bool = False


class Jury:
    """Judges every output of two nets."""

    def __init__(self, kinds: Mapping[str, OutputKind], values: Mapping[str, Value]) -> None:
        """Start with nothing.

        Args:
            kinds: What each output is, by its name.
            values: The outputs.
        """
        names = {value: name for name, value in values.items()}
        self._judges: List[Judge] = []
        for name, kind in kinds.items():
            if kind.name == BOXES and kind.scores in names:
                scores = names[kind.scores]
                self._judges.append(BoxJudge(name, kind, scores, kinds[scores], SURE))
            else:
                self._judges.append(_judge(name, kind))

    def add(self, a: Blobs, b: Blobs, samples: int) -> None:
        """Take in the outputs of both nets for a batch of so many samples."""
        for judge in self._judges:
            judge.add(a, b, samples)

    def know_accuracy(self, output: str, before: float, after: float, count: int) -> None:
        """Take in which shares of the labels of an output both nets got right."""
        for judge in self._judges:
            if judge.name == output and isinstance(judge, ClassJudge):
                judge.know_accuracy(before, after, count)

    def verdict(self, around: Circumstances) -> Quality:
        """Return the verdict on all that was added."""
        outputs = [_verdict(judge, around) for judge in self._judges]
        for name in around.missing:
            why = "the new net does not have it"
            told = (name, "output", "of the original", LOST)
            outputs.append(OutputQuality(*told, reason=why, broken=True))
        cautions: Dict[str, None] = {}
        if not around.random:
            cautions = {line: None for judge in self._judges for line in judge.cautions()}
        undecided = around.random and any(one.verdict == UNJUDGED for one in outputs)
        return Quality(
            tuple(outputs),
            tuple(cautions),
            around.accepted,
            _RANDOM if undecided else None,
            GIVE_PICTURES if any(one.verdict == UNJUDGED for one in outputs) else None,
        )


def _judge(name: str, kind: OutputKind) -> Judge:
    if kind.name in (CLASSES, SEGMENTATION):
        return ClassJudge(name, kind)
    if kind.name == DETECTIONS:
        return FoundJudge(name, kind)
    return PictureJudge(name, kind) if kind.name == PICTURE else error_judge(name, kind)


def _verdict(judge: Judge, around: Circumstances) -> OutputQuality:
    """The verdict on an output; what the user limits, no table judges."""
    name, figures = judge.name, [] if judge.silence else judge.figures()
    left = [one for one in figures if one.limits.user not in around.limited]
    found = OutputQuality(name, judge.kind.name, judge.kind.told_by, UNJUDGED, tuple(figures))
    if name in around.spoilt:
        return replace(found, verdict=LOST, figures=(), reason=around.spoilt[name], broken=True)
    if name in around.failing:
        return replace(found, verdict=LOST, reason="it is beyond your limit", broken=True)
    if name in around.equal:
        return replace(found, verdict=GOOD, reason=_NOISE)
    if figures and not left:
        return replace(found, verdict=GOOD, reason="it keeps to your limit")
    if around.random or judge.silence:
        silent = judge.silence is not None
        return replace(found, reason=judge.silence if silent else _RANDOM, silent=silent)
    if judge.death:
        return replace(found, verdict=LOST, reason=judge.death)
    return replace(found, verdict=max((one.verdict for one in left), key=ORDER.index))
