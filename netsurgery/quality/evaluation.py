"""All evaluators of a net, and the verdict they come to."""

from __future__ import annotations

from dataclasses import replace
from typing import Container, Dict, List, Mapping, NamedTuple, Sequence

from netsurgery.network import Value
from netsurgery.quality.classes import ClassEvaluator
from netsurgery.quality.detection import SURE, DetectionEvaluator
from netsurgery.quality.errors import BoxEvaluator, PictureEvaluator, error_evaluator
from netsurgery.quality.evaluator import Blobs, Evaluator
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


class EvaluationContext(NamedTuple):
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


class Evaluators:
    """Judges every output of two nets."""

    def __init__(self, kinds: Mapping[str, OutputKind], values: Mapping[str, Value]) -> None:
        """Start with nothing.

        Args:
            kinds: What each output is, by its name.
            values: The outputs.
        """
        names = {value: name for name, value in values.items()}
        self._evaluators: List[Evaluator] = []
        for name, kind in kinds.items():
            if kind.name == BOXES and kind.scores in names:
                scores = names[kind.scores]
                self._evaluators.append(BoxEvaluator(name, kind, scores, kinds[scores], SURE))
            else:
                self._evaluators.append(_evaluator(name, kind))

    def add(self, a: Blobs, b: Blobs, samples: int) -> None:
        """Take in the outputs of both nets for a batch of so many samples."""
        for evaluator in self._evaluators:
            evaluator.add(a, b, samples)

    def set_accuracy(self, output: str, before: float, after: float, count: int) -> None:
        """Take in which shares of the labels of an output both nets got right."""
        for evaluator in self._evaluators:
            if evaluator.name == output and isinstance(evaluator, ClassEvaluator):
                evaluator.set_accuracy(before, after, count)

    def verdict(self, context: EvaluationContext) -> Quality:
        """Return the verdict on all that was added."""
        outputs = [_verdict(evaluator, context) for evaluator in self._evaluators]
        for name in context.missing:
            why = "the new net does not have it"
            told = (name, "output", "of the original", LOST)
            outputs.append(OutputQuality(*told, reason=why, broken=True))
        cautions: Dict[str, None] = {}
        if not context.random:
            cautions = {
                line: None for evaluator in self._evaluators for line in evaluator.cautions()
            }
        undecided = context.random and any(one.verdict == UNJUDGED for one in outputs)
        return Quality(
            tuple(outputs),
            tuple(cautions),
            context.accepted,
            _RANDOM if undecided else None,
            GIVE_PICTURES if any(one.verdict == UNJUDGED for one in outputs) else None,
        )


def _evaluator(name: str, kind: OutputKind) -> Evaluator:
    if kind.name in (CLASSES, SEGMENTATION):
        return ClassEvaluator(name, kind)
    if kind.name == DETECTIONS:
        return DetectionEvaluator(name, kind)
    return PictureEvaluator(name, kind) if kind.name == PICTURE else error_evaluator(name, kind)


def _verdict(evaluator: Evaluator, context: EvaluationContext) -> OutputQuality:
    """The verdict on an output; what the user limits, no table judges."""
    name, figures = evaluator.name, [] if evaluator.silence else evaluator.figures()
    left = [one for one in figures if one.limits.user not in context.limited]
    found = OutputQuality(
        name, evaluator.kind.name, evaluator.kind.told_by, UNJUDGED, tuple(figures)
    )
    if name in context.spoilt:
        return replace(found, verdict=LOST, figures=(), reason=context.spoilt[name], broken=True)
    if name in context.failing:
        return replace(found, verdict=LOST, reason="it is beyond your limit", broken=True)
    if name in context.equal:
        return replace(found, verdict=GOOD, reason=_NOISE)
    if figures and not left:
        return replace(found, verdict=GOOD, reason="it keeps to your limit")
    if context.random or evaluator.silence:
        silent = evaluator.silence is not None
        return replace(found, reason=evaluator.silence if silent else _RANDOM, silent=silent)
    if evaluator.death:
        return replace(found, verdict=LOST, reason=evaluator.death)
    return replace(found, verdict=max((one.verdict for one in left), key=ORDER.index))
