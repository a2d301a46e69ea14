"""Verdicts on outputs that were made up, so that what is right is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netsurgery.network.graph import Value
from netsurgery.quality.evaluation import EvaluationContext, Evaluators
from netsurgery.quality.kinds import OutputKind
from netsurgery.quality.limits import KINDS, LIMITS, limit_rows
from netsurgery.quality.verdict import Quality

RANDOM = np.random.default_rng(0)


def judged(kind: OutputKind, a: np.ndarray, b: np.ndarray, **around: Any) -> Quality:
    evaluators = Evaluators({"o": kind}, {"o": Value("o")})
    half = len(a) // 2 or len(a)
    for part in (slice(0, half), slice(half, len(a))):
        if len(a[part]):
            evaluators.add({"o": a[part]}, {"o": b[part]}, len(a[part]))
    known = {"random": False, "equal": (), "spoilt": {}}
    return evaluators.verdict(EvaluationContext(**{**known, **around}))


def scores(best: list[int], classes: int = 4) -> np.ndarray:
    return np.eye(classes)[best] * 0.7 + 0.05


CLASSES = OutputKind("classes", "a Softmax makes it", (4,), 1)
BEST = [0, 1, 2, 3] * 25


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [(0, "good"), (2, "good"), (3, "degraded"), (15, "degraded"), (17, "lost")],
)
def test_classes_by_agreement(wrong: int, verdict: str) -> None:
    other = [(one + (place < wrong)) % 4 for place, one in enumerate(BEST)]
    assert judged(CLASSES, scores(BEST), scores(other)).verdict == verdict


def test_one_sample_alone_does_not_make_a_net_lost() -> None:
    assert judged(CLASSES, scores([0, 1, 2, 3]), scores([0, 1, 2, 0])).verdict == "degraded"
    assert judged(CLASSES, scores([0, 1, 2, 3]), scores([0, 1, 0, 0])).verdict == "lost"


def test_pixels_that_are_nearly_all_background_do_not_hide_a_lost_class() -> None:
    kind = OutputKind("segmentation", "a Softmax makes it", (2, 10, 10), 1)
    a = np.zeros((8, 2, 10, 10))
    a[:, 0] = 1
    a[:, :, 0, 0] = [0, 2]
    b = a.copy()
    b[:, 1] = 0
    b[:, 0] = 1
    found = judged(kind, a, b)
    agreement, overlap = found.outputs[0].figures
    assert agreement.value == pytest.approx(0.99)
    assert (agreement.verdict, found.verdict) == ("good", "lost")
    assert overlap.value == pytest.approx((0.99 + 0) / 2)
    assert judged(kind, a, a).verdict == "good"


@pytest.mark.parametrize("kind", ["numbers", "map", "probabilities"])
def test_errors_count_for_each_sample(kind: str) -> None:
    a = RANDOM.random((16, 5)) + 0.5
    a[0] *= 1e6
    b = a.copy()
    b[1:] = 0.2 * a[1:]  # a pooled norm would be 1e-6 of that of the one large sample
    assert judged(OutputKind(kind, ""), a, b).verdict == "lost"
    assert judged(OutputKind(kind, ""), a, a * 1.01).verdict == "good"
    assert judged(OutputKind(kind, ""), a, a * 1.1).verdict == "degraded"


def test_a_constant_in_place_of_what_hardly_varied_is_dead() -> None:
    a = 100 + RANDOM.random((16, 5))
    found = judged(OutputKind("numbers", ""), a, np.broadcast_to(a.mean(axis=0), a.shape))
    assert found.outputs[0].figures[0].verdict == "good"
    assert found.verdict == "lost"
    assert "dead" in found.reasons[0]


def test_pictures_by_the_range_of_the_original() -> None:
    a = RANDOM.random((4, 3, 8, 8)) * 255
    for decibel, verdict in ((45, "good"), (35, "degraded"), (20, "lost")):
        noise = RANDOM.choice([-1.0, 1.0], a.shape) * (a.max() - a.min()) / 10 ** (decibel / 20)
        found = judged(OutputKind("picture", ""), a, a + noise)
        assert found.outputs[0].figures[0].value == pytest.approx(decibel)
        assert found.verdict == verdict


def test_embeddings_by_their_angle() -> None:
    a = RANDOM.normal(size=(16, 32))
    assert judged(OutputKind("embeddings", ""), a, 3 * a).outputs[0].figures[
        0
    ].value == pytest.approx(1)
    assert judged(OutputKind("embeddings", ""), a, -a).verdict == "lost"


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, dtype=float).reshape(1, 1, -1, 7)


NOTHING = boxes((0, -1, 0, 0, 0, 0, 0))
ONE = boxes((0, 1, 0.9, 0.1, 0.1, 0.5, 0.5))
ELSEWHERE = boxes((0, 1, 0.9, 0.6, 0.6, 0.9, 0.9))
TWO = boxes(*ONE[0, 0].tolist(), *ELSEWHERE[0, 0].tolist())


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (NOTHING, NOTHING, "unjudged"),
        (ONE, ONE, "good"),
        (TWO, NOTHING, "lost"),
        (np.concatenate([NOTHING, NOTHING]), np.concatenate([TWO, TWO]), "lost"),
        (TWO, ONE, "degraded"),
    ],
)
def test_detections_that_are_found_again(a: np.ndarray, b: np.ndarray, verdict: str) -> None:
    assert judged(OutputKind("detections", ""), a, b).verdict == verdict


def test_scores_of_boxes_where_nothing_is_seen_say_nothing() -> None:
    kind = OutputKind("detections", "", (2,), 1, background=0)
    nothing, face = np.array([[0.9, 0.1]] * 8), np.array([[0.1, 0.9]] * 8)
    assert judged(kind, nothing, nothing * 0.9).verdict == "unjudged"
    assert judged(kind, face, nothing).verdict == "lost"
    assert judged(kind, nothing, face).verdict == "lost"
    assert judged(kind, face, face * 0.6).verdict == "good"


def test_circumstances() -> None:
    a = RANDOM.random((16, 5))
    numbers = OutputKind("numbers", "")
    drawn = judged(numbers, a, a * 1.001, random=True)
    assert (drawn.verdict, str(drawn.remedy)) == (
        "unjudged",
        "give pictures, or other real inputs, with `inputs`",
    )
    assert drawn.to_dict("--{}".format)["reasons"][-1].endswith("--inputs")
    assert judged(numbers, a, a, random=True, equal={"o"}).verdict == "good"
    assert judged(numbers, a, a, spoilt={"o": "it is NaN"}).fails
    accepted = judged(numbers, a, -a, accepted=True)
    assert (accepted.verdict, accepted.fails) == ("lost", False)
    assert judged(numbers, a, a, missing=["p"], accepted=True).fails
    assert judged(numbers, a, -a, limited={"max_error"}).verdict == "good"
    assert judged(numbers, a, a, limited={"max_error"}, failing={"o"}, accepted=True).fails
    assert judged(numbers, a * 0, a * 0).verdict == "unjudged"


def test_cautions_of_inputs_that_were_not_prepared() -> None:
    saturated = np.eye(4)[BEST]
    for kind in (CLASSES, OutputKind("classes", "labels are given for it", (4,))):
        (caution,) = judged(kind, saturated, saturated).cautions
        assert "0 or 1" in caution
    (caution,) = judged(CLASSES, scores([1] * 20), scores([1] * 20)).cautions
    assert "same class in all 20" in caution
    assert not judged(CLASSES, scores(BEST), scores(BEST)).cautions
    still = np.ones((9, 3))
    assert "same for all inputs" in judged(OutputKind("numbers", ""), still, still).cautions[0]


def test_every_kind_has_limits_and_every_limit_is_told() -> None:
    assert set(LIMITS) == set(KINDS)
    assert len(list(limit_rows())) == sum(map(len, LIMITS.values()))


def test_the_page_on_limits_is_what_the_code_says() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "quality.md").read_text("utf-8")
    told = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert told == [f"| {' | '.join(row)} |" for row in limit_rows()]


def test_what_is_infinite_is_lost_and_no_number_in_json() -> None:
    a = RANDOM.random((16, 5)) + 0.5
    found = judged(OutputKind("numbers", ""), a, np.full_like(a, 1e300) * a)
    assert found.verdict == "lost"
    json.dumps(found.to_dict(), allow_nan=False)
