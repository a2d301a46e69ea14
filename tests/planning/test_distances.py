"""How far two nets are apart: by numbers, what scores tell, boxes where there is something."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.calibration.measuring import ObservedValue
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network, Value
from netsurgery.planning.distances import (
    LEAST_SCORE,
    BoxDistance,
    DistanceObserver,
    NumberDistance,
    ScoreDistance,
    SightingObserver,
    distances_of,
)

A, B = Value("a"), Value("b")
DETECTOR = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        inner_product_param { num_output: 8 } }
layer { name: "b" type: "InnerProduct" bottom: "data" top: "b"
        inner_product_param { num_output: 6 } }
layer { name: "more" type: "InnerProduct" bottom: "data" top: "more"
        inner_product_param { num_output: 2 } }
layer { name: "prior" type: "PriorBox" bottom: "data" bottom: "data" top: "prior" }
layer { name: "out" type: "DetectionOutput" bottom: "a" bottom: "b" bottom: "prior" top: "out"
        detection_output_param { %s } }
"""


def test_detections_are_compared_by_their_scores_and_boxes() -> None:
    text = DETECTOR % "num_classes: 3 background_label_id: 0 confidence_threshold: 0.3"
    scores = ScoreDistance(B, 3)
    found = distances_of(Network.of(Prototxt.parse(text.encode())))
    assert found == [
        NumberDistance(Value("more")),
        BoxDistance(A, scores, 0, pytest.approx(0.3)),
        scores,
    ]


def test_detections_of_unknown_classes_are_compared_as_numbers() -> None:
    found = distances_of(Network.of(Prototxt.parse((DETECTOR % "").encode())))
    assert found == [NumberDistance(Value("more")), NumberDistance(A), NumberDistance(B)]


HEADS = """
input: "data" input_shape { dim: 2 dim: 3 dim: 7 dim: 5 }
layer { name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param { %s } }
layer { name: "b" type: "Softmax" bottom: "c" top: "b" softmax_param { axis: %d } }
layer { name: "a" type: "Convolution" bottom: "data" top: "a" convolution_param { %s } }
layer { name: "d" type: "Convolution" bottom: "data" top: "d" convolution_param { %s } }
"""


def heads(classes: int, numbers: int, axis: int = 1, more: str = "num_output: 10 kernel_size: 1"):
    sizes = [f"num_output: {count} kernel_size: 1" for count in (classes, numbers)]
    text = HEADS % (sizes[0], axis, sizes[1], more)
    return distances_of(Network.of(Prototxt.parse(text.encode())))


@pytest.mark.parametrize("numbers", [4, 12])
def test_boxes_beside_the_scores_of_a_softmax_are_told(numbers: int) -> None:
    scores = ScoreDistance(B, 3, 1)
    boxes = BoxDistance(A, scores, 0, pytest.approx(0.01))
    assert heads(3, numbers) == heads(3, numbers, -3) == [boxes, scores, NumberDistance(Value("d"))]
    # Where they are fewer than the scores there are no boxes for these.
    other = heads(3, numbers, more="num_output: 4 kernel_size: 3")
    assert other == [boxes, scores, NumberDistance(Value("d"))]


def test_other_outputs_beside_a_softmax_are_numbers() -> None:
    plain = [NumberDistance(A), NumberDistance(Value("c")), NumberDistance(Value("d"))]
    assert heads(3, 5) == heads(3, 4, 0) == heads(3, 4, 2) == plain


def test_what_another_softmax_makes_are_no_boxes() -> None:
    text = """
        input: "data" input_shape { dim: 2 dim: 3 }
        layer { name: "two" type: "Softmax" bottom: "data" top: "two" }
        layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
                inner_product_param { num_output: 4 } }
        layer { name: "four" type: "Softmax" bottom: "ip" top: "four" }
    """
    found = distances_of(Network.of(Prototxt.parse(text.encode())))
    assert found == [NumberDistance(Value("ip")), NumberDistance(Value("data"))]


def test_scores_and_boxes_lie_along_an_axis() -> None:
    random = np.random.default_rng(0)
    scores = random.dirichlet(np.ones(3), (2, 7, 5))
    boxes, moved = random.normal(size=(2, 2, 7, 5, 12))
    flat = BoxDistance(A, ScoreDistance(B, 3), 0, 0.01).between(
        {A: boxes.reshape(2, -1), B: scores.reshape(2, -1)},
        {A: moved.reshape(2, -1), B: scores.reshape(2, -1)},
    )
    first = np.moveaxis(scores, -1, 1)
    along = BoxDistance(A, ScoreDistance(B, 3, 1), 0, 0.01).between(
        {A: np.moveaxis(boxes, -1, 1), B: first}, {A: np.moveaxis(moved, -1, 1), B: first}
    )
    assert along == pytest.approx(flat)
    observer = SightingObserver([BoxDistance(A, ScoreDistance(B, 3, 1), 0, 0.01)])
    observer.add({ObservedValue(B): first})
    assert observer.seen == pytest.approx((scores * (scores >= 0.01))[..., 1:].sum(axis=(1, 2, 3)))


@given(st.integers(0, 2**32 - 1))
def test_divergence_is_that_of_kullback_and_leibler(seed: int) -> None:
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.ones(3), (2, 5)) * (1 - 3 * LEAST_SCORE) + LEAST_SCORE
    apart, whole = ScoreDistance(B, 3).between({B: p.reshape(1, -1)}, {B: q.reshape(1, -1)})
    assert apart == pytest.approx((p * np.log(p / q)).sum(), rel=1e-9)
    assert whole == pytest.approx((p * np.log(p / p.mean(axis=0))).sum(), rel=1e-9)
    assert ScoreDistance(B, 3).between({B: p}, {B: p})[0] == 0


def test_a_detection_that_is_lost_or_new_counts_more_than_noise_on_the_background() -> None:
    nothing = np.tile([0.998, 0.002], (1000, 1))
    something = nothing.copy()
    something[3] = 0.05, 0.95
    noisy = something + np.tile([-4e-3, 4e-3], (1000, 1)) * (np.arange(1000) != 3)[:, None]
    scores = ScoreDistance(B, 2)
    lost, new, noise = (
        scores.between({B: before}, {B: after})[0]
        for before, after in (
            (something, nothing),
            (nothing, something),
            (something, noisy),
        )
    )
    assert min(lost, new) > 2
    assert noise < 4
    below = something * np.where(something < LEAST_SCORE * 3, 0.1, 1)
    assert scores.between({B: something * [1, 0.4]}, {B: below})[0] < lost


def test_boxes_count_as_surely_as_there_is_something() -> None:
    scores = ScoreDistance(B, 2)
    seen = np.array([[0.1, 0.9], [0.9999, 0.0001], [0.5, 0.5]])
    boxes = np.arange(12.0).reshape(1, 12)
    moved = boxes + np.repeat([1.0, 100.0, 2.0], 4)
    apart, whole = BoxDistance(A, scores, 0, 0.01).between({A: boxes, B: seen}, {A: moved, B: seen})
    # The second, in which nothing is seen, does not count however far it moved.
    assert apart == pytest.approx(0.9 * 4 * 1 + 0.5 * 4 * 4)
    assert whole == pytest.approx(0.9 * (0 + 1 + 4 + 9) + 0.5 * (64 + 81 + 100 + 121))


def test_each_class_may_have_a_box_of_its_own() -> None:
    scores = ScoreDistance(B, 2)
    seen = np.array([[0.7, 0.3], [0.2, 0.8]])
    boxes, moved = np.zeros((2, 2, 4)), np.ones((2, 2, 4))
    for background, weight in ((-1, 2.0), (0, 1.1)):
        found = BoxDistance(A, scores, background, 0.01).between(
            {A: boxes, B: seen}, {A: moved, B: seen}
        )
        assert found == (pytest.approx(4 * weight), 0.0)


def test_an_observer_adds_batches_up() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 6, 5))
    observer = DistanceObserver([NumberDistance(A)])
    for rows in (slice(0, 4), slice(4, 6)):
        observer.add({ObservedValue(A, 0): first[rows], ObservedValue(A, 1): second[rows]})
    expected = ((first - second) ** 2).sum() / (first**2).sum()
    assert observer.distances == pytest.approx([expected])
    assert observer.distance == pytest.approx(expected)


def test_where_a_detector_sees_nothing_in_any_input_distances_stay_in_bounds() -> None:
    scores = ScoreDistance(B, 2)
    observer = DistanceObserver([scores, NumberDistance(A)])
    same = np.tile([1.0, 0.0], (6, 1))
    other = np.tile([0.9, 0.1], (6, 1))
    arrays = {
        ObservedValue(B, 0): same,
        ObservedValue(B, 1): other,
        ObservedValue(A, 0): np.zeros((6, 4)),
        ObservedValue(A, 1): np.ones((6, 4)),
    }
    observer.add(arrays)
    assert observer.distances == pytest.approx([scores.between({B: same}, {B: other})[0], 24.0])


@given(st.integers(0, 99), st.integers(1, 5))
def test_how_large_a_distance_of_scores_could_be_does_not_depend_on_batches(
    seed: int, size: int
) -> None:
    random, scores = np.random.default_rng(seed), ScoreDistance(B, 3)
    before, after = random.dirichlet([1, 1, 1], (2, 10))
    batches, whole = DistanceObserver([scores]), DistanceObserver([scores])
    for start in range(0, 10, size):
        rows = slice(start, start + size)
        batches.add({ObservedValue(B, 0): before[rows], ObservedValue(B, 1): after[rows]})
    whole.add({ObservedValue(B, 0): before, ObservedValue(B, 1): after})
    apart, most = scores.between({B: before}, {B: after})
    assert whole.distances == pytest.approx([apart / most])
    assert batches.distances == pytest.approx([apart / most])
