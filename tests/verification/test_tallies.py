from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from netsurgery.quality import holds_scores
from netsurgery.verification.tallies import (
    ClassTally,
    DetectionTally,
    Difference,
    Tally,
    count_in_top,
)

floats = st.floats(-1e3, 1e3, width=32)
scores = arrays(np.float32, (6, 8), elements=floats)


def compare(kind: type[Tally], *batches: tuple[np.ndarray, np.ndarray]) -> Difference:
    tally = kind()
    for a, b in batches:
        tally.add(a, b)
    return tally.result()


@given(a=scores, b=scores)
def test_equals_the_definition_in_double_precision(a: np.ndarray, b: np.ndarray) -> None:
    found = compare(Tally, (a, b))
    x, y = a.astype(np.float64), b.astype(np.float64)
    norm = np.linalg.norm(x)
    if norm:
        # Sums of 48 doubles, in any order: some units in the last place.
        assert found.error == pytest.approx(np.linalg.norm(x - y) / norm, rel=1e-13)
    assert found.max_difference == np.abs(x - y).max()
    assert found.largest == np.abs(x).max()
    if norm and np.linalg.norm(y):
        cosine = (x * y).sum() / norm / np.linalg.norm(y)
        assert found.cosine == pytest.approx(cosine, abs=1e-13)


@given(a=scores, b=scores, cut=st.integers(1, 5))
def test_batches_add_up(a: np.ndarray, b: np.ndarray, cut: int) -> None:
    whole = compare(ClassTally, (a, b))
    parts = compare(ClassTally, (a[:cut], b[:cut]), (a[cut:], b[cut:]))
    assert parts.error == pytest.approx(whole.error, rel=1e-13)
    assert (parts.agreement, parts.top5) == (whole.agreement, whole.top5)


def test_large_blobs_are_compared_to_the_end() -> None:
    a = np.ones((1, 300_001), dtype=np.float32)
    b = a.copy()
    b[0, -1] = 3
    found = compare(Tally, (a, b))
    assert found.max_difference == 2
    assert found.error == pytest.approx(2 / math.sqrt(300_001), rel=1e-12)


def test_zero_against_zero_is_no_error() -> None:
    zero, one = np.zeros((2, 3)), np.ones((2, 3))
    assert compare(Tally, (zero, zero)).error == 0
    assert compare(Tally, (zero, zero)).cosine == 1
    assert compare(Tally, (zero, one)).error == math.inf
    assert compare(Tally, (one, zero)).error == 1
    assert compare(Tally, (one, zero)).cosine == 0


def test_values_that_are_not_finite_are_counted_and_left_out() -> None:
    a = np.array([[1, np.nan, 2, np.inf]])
    b = np.array([[1, 1, 2, 3]])
    found = compare(Tally, (a, b), (b, a))
    assert found.non_finite == (2, 2)
    assert found.error == 0


def test_shapes_that_differ() -> None:
    found = compare(Tally, (np.zeros((2, 3)), np.zeros((2, 4))))
    assert found.shapes == ((2, 3), (2, 4))
    assert found.error == math.inf


@given(a=scores, b=scores)
def test_top1_equals_argmax(a: np.ndarray, b: np.ndarray) -> None:
    agreement = (a.argmax(axis=1) == b.argmax(axis=1)).mean()
    assert compare(ClassTally, (a, b)).agreement == agreement
    assert compare(ClassTally, (b, a)).agreement == agreement


@given(b=scores, a=scores)
def test_top5_equals_sorting(a: np.ndarray, b: np.ndarray) -> None:
    best_five = np.argsort(-b, axis=1, kind="stable")[:, :5]
    inside = (best_five == a.argmax(axis=1)[:, None]).any(axis=1)
    assert compare(ClassTally, (a, b)).top5 == inside.mean()


def test_no_top5_of_five_classes() -> None:
    a = np.eye(5)
    assert compare(ClassTally, (a, a)).top5 is None
    assert compare(ClassTally, (a, a)).agreement == 1


def test_a_class_that_scores_nan_is_never_in_the_top() -> None:
    assert count_in_top(np.full((2, 3), np.nan), np.array([0, 1]), 1) == 0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((1, 10), True),
        ((1, 10, 1, 1), True),
        ((1, 1), False),
        ((1, 10, 1, 2), False),
        ((10,), False),
        ((1, 10, 1), False),
        ((), False),
    ],
)
def test_class_like_shapes(shape: tuple[int, ...], expected: bool) -> None:
    assert holds_scores(shape) is expected


def blob(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32).reshape(1, 1, -1, 7)


FACE = [0, 1, 0.75, 0.25, 0.25, 0.5, 0.5]
OTHER = [0, 1, 0.5, 0.5, 0.5, 1.0, 1.0]


def test_detections_in_another_order_agree() -> None:
    found = compare(DetectionTally, (blob(FACE, OTHER), blob(OTHER, FACE)))
    assert (found.error, found.agreement) == (0, 1)


def test_detections_that_are_missing() -> None:
    found = compare(DetectionTally, (blob(FACE, OTHER), blob(FACE)), (blob(FACE), blob(FACE)))
    # Two pairs among five detections.
    assert found.agreement == 2 * 2 / 5
    assert compare(DetectionTally, (blob(FACE), blob(FACE, OTHER))).agreement == 2 / 3


def test_difference_of_scores() -> None:
    weaker = [*FACE[:2], 0.25, *FACE[3:]]
    found = compare(DetectionTally, (blob(FACE), blob(weaker)))
    assert found.max_difference == 0.5
    assert found.agreement == 1
    norm = np.linalg.norm(FACE[2:])
    assert found.error == pytest.approx(0.5 / norm, rel=1e-12)


def test_no_detections_agree() -> None:
    nothing = blob([0, -1, -1, -1, -1, -1, -1])
    assert compare(DetectionTally, (nothing, nothing)).agreement == 1


def test_detections_against_something_else() -> None:
    found = compare(DetectionTally, (blob(FACE), np.zeros((1, 10))))
    assert found.shapes == ((1, 1, 1, 7), (1, 10))


def test_detections_that_are_not_finite() -> None:
    broken = [*FACE[:2], math.nan, *FACE[3:]]
    assert compare(DetectionTally, (blob(FACE), blob(broken))).non_finite == (0, 1)
