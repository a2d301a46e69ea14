"""How far two nets are apart: by numbers, what scores tell, boxes where there is something."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsurgery.calibration.measuring import Source
from netsurgery.formats.prototxt import Prototxt
from netsurgery.network.graph import Network, Value
from netsurgery.planning.distances import (
    LEAST_SCORE,
    Boxes,
    DistanceGauge,
    Numbers,
    Scores,
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
    scores = Scores(B, 3)
    found = distances_of(Network.of(Prototxt.parse(text.encode())))
    assert found == [Numbers(Value("more")), Boxes(A, scores, 0, pytest.approx(0.3)), scores]


def test_detections_of_unknown_classes_are_compared_as_numbers() -> None:
    found = distances_of(Network.of(Prototxt.parse((DETECTOR % "").encode())))
    assert found == [Numbers(Value("more")), Numbers(A), Numbers(B)]


@given(st.integers(0, 2**32 - 1))
def test_divergence_is_that_of_kullback_and_leibler(seed: int) -> None:
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.ones(3), (2, 5)) * (1 - 3 * LEAST_SCORE) + LEAST_SCORE
    apart, whole = Scores(B, 3).between({B: p.reshape(1, -1)}, {B: q.reshape(1, -1)})
    assert apart == pytest.approx((p * np.log(p / q)).sum(), rel=1e-9)
    assert whole == pytest.approx((p * np.log(p / p.mean(axis=0))).sum(), rel=1e-9)
    assert Scores(B, 3).between({B: p}, {B: p})[0] == 0


def test_a_detection_that_is_lost_or_new_counts_more_than_noise_on_the_background() -> None:
    nothing = np.tile([0.998, 0.002], (1000, 1))
    something = nothing.copy()
    something[3] = 0.05, 0.95
    noisy = something + np.tile([-4e-3, 4e-3], (1000, 1)) * (np.arange(1000) != 3)[:, None]
    scores = Scores(B, 2)
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
    scores = Scores(B, 2)
    seen = np.array([[0.1, 0.9], [0.9999, 0.0001], [0.5, 0.5]])
    boxes = np.arange(12.0).reshape(1, 12)
    moved = boxes + np.repeat([1.0, 100.0, 2.0], 4)
    apart, whole = Boxes(A, scores, 0, 0.01).between({A: boxes, B: seen}, {A: moved, B: seen})
    # The second, in which nothing is seen, does not count however far it moved.
    assert apart == pytest.approx(0.9 * 4 * 1 + 0.5 * 4 * 4)
    assert whole == pytest.approx(0.9 * (0 + 1 + 4 + 9) + 0.5 * (64 + 81 + 100 + 121))


def test_each_class_may_have_a_box_of_its_own() -> None:
    scores = Scores(B, 2)
    seen = np.array([[0.7, 0.3], [0.2, 0.8]])
    boxes, moved = np.zeros((2, 2, 4)), np.ones((2, 2, 4))
    for background, weight in ((-1, 2.0), (0, 1.1)):
        found = Boxes(A, scores, background, 0.01).between({A: boxes, B: seen}, {A: moved, B: seen})
        assert found == (pytest.approx(4 * weight), 0.0)


def test_a_gauge_adds_batches_up() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 6, 5))
    gauge = DistanceGauge([Numbers(A)])
    for rows in (slice(0, 4), slice(4, 6)):
        gauge.add({Source(A, 0): first[rows], Source(A, 1): second[rows]})
    expected = ((first - second) ** 2).sum() / (first**2).sum()
    assert gauge.distances == pytest.approx([expected])
    assert gauge.distance == pytest.approx(expected)
