from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from netsurgery.quality.matching import (
    detections,
    intersection_over_union,
    match_detections,
)

BOX = [0.1, 0.1, 0.5, 0.5]


def found(*rows: list[float]) -> np.ndarray:
    """Detections given as [label, score, x1, y1, x2, y2], all in image 0."""
    return np.array([[0, *row] for row in rows], dtype=np.float64).reshape(-1, 7)


boxes = arrays(np.float64, (3, 4), elements=st.floats(0, 10, width=16))


def test_rows_that_say_nothing_found_are_dropped() -> None:
    blob = np.full((1, 1, 3, 7), -1.0, dtype=np.float32)
    blob[0, 0, 1] = [0, 2, 0.9, *BOX]
    blob[0, 0, 2] = 0
    np.testing.assert_allclose(detections(blob), found([2, 0.9, *BOX]), rtol=1e-6)


def test_overlap_of_known_boxes() -> None:
    a = np.array([[0, 0, 2, 2], [0, 0, 0, 0]], dtype=float)
    b = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [2, 2, 0, 0]], dtype=float)
    expected = [[1, 2 / 6, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(intersection_over_union(a, b), expected)


@given(a=boxes)
def test_a_box_overlaps_with_itself(a: np.ndarray) -> None:
    boxes_of_a = np.sort(a.reshape(3, 2, 2), axis=1).reshape(3, 4)
    assert (intersection_over_union(boxes_of_a, boxes_of_a).diagonal() == 1).all()


@given(a=boxes, b=boxes)
def test_overlap_is_symmetric_and_a_share(a: np.ndarray, b: np.ndarray) -> None:
    overlap = intersection_over_union(a, b)
    np.testing.assert_array_equal(overlap, intersection_over_union(b, a).T)
    assert ((overlap >= 0) & (overlap <= 1)).all()


def test_order_does_not_matter() -> None:
    a = found([1, 0.9, 0, 0, 1, 1], [1, 0.8, 5, 5, 6, 6], [2, 0.7, 0, 0, 1, 1])
    in_a, in_b = match_detections(a, a[[2, 0, 1]])
    np.testing.assert_array_equal(a[in_a], a[[2, 0, 1]][in_b])
    assert len(in_a) == 3


@pytest.mark.parametrize(
    "other",
    [
        [2, 0.9, *BOX],  # another label
        [1, 0.9, 0.4, 0.4, 0.8, 0.8],  # another place
    ],
)
def test_what_does_not_match(other: list[float]) -> None:
    in_a, in_b = match_detections(found([1, 0.9, *BOX]), found(other))
    assert len(in_a) == len(in_b) == 0


def test_another_image_does_not_match() -> None:
    a = found([1, 0.9, *BOX])
    b = a.copy()
    b[:, 0] = 1
    assert len(match_detections(a, b)[0]) == 0


def test_the_closest_box_is_taken_and_only_once() -> None:
    a = found([1, 0.9, 0, 0, 10, 10])
    b = found([1, 0.99, 0, 0, 10, 8], [1, 0.5, 0, 0, 10, 9.9])
    in_a, in_b = match_detections(a, b)
    assert (in_a.tolist(), in_b.tolist()) == ([0], [1])


@given(a=boxes, b=boxes, labels=arrays(np.float64, 6, elements=st.integers(0, 1)))
def test_matching_is_symmetric(a: np.ndarray, b: np.ndarray, labels: np.ndarray) -> None:
    zeros = np.zeros((3, 1))
    rows_a = np.hstack(
        [zeros, labels[:3, None], zeros, np.sort(a.reshape(3, 2, 2), 1).reshape(3, 4)]
    )
    rows_b = np.hstack(
        [zeros, labels[3:, None], zeros, np.sort(b.reshape(3, 2, 2), 1).reshape(3, 4)]
    )
    in_a, in_b = match_detections(rows_a, rows_b)
    back_b, back_a = match_detections(rows_b, rows_a)
    assert len(in_a) == len(back_a)
    assert len(set(in_a.tolist())) == len(in_a)
    assert len(set(in_b.tolist())) == len(in_b)
    overlaps = intersection_over_union(rows_a[in_a, 3:], rows_b[in_b, 3:]).diagonal()
    assert (overlaps >= 0.5).all()
    assert sorted(overlaps) == sorted(
        intersection_over_union(rows_a[back_a, 3:], rows_b[back_b, 3:]).diagonal()
    )


def test_nothing_found_at_all() -> None:
    nothing = np.zeros((0, 7))
    assert len(match_detections(nothing, nothing)[0]) == 0
    assert len(match_detections(nothing, found([1, 0.9, *BOX]))[0]) == 0
