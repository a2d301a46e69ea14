"""Criteria where the answer is known, and what all of them must respect."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest
from calibration_nets import declared
from channel_choices import with_random_weights
from channel_nets import channel_nets, line
from hypothesis import HealthCheck, example, given, settings, strategies as st

from netsurgery.calibration import Inputs, random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.criteria import CRITERIA, View, criterion
from netsurgery.criteria.base import ACTIVATIONS, WEIGHTS
from netsurgery.errors import PlanError
from netsurgery.formats.weights import LayerWeights
from netsurgery.network.channels import channel_groups, thin_model
from netsurgery.network.model import Model

QUIET: Dict[str, Any] = {"suppress_health_check": list(HealthCheck)}
UNITS = 6
PERCEPTRON = (
    declared("x", 1, 4)
    + line("InnerProduct", "a", ["x"], ["a"], f"inner_product_param {{ num_output: {UNITS} }}")
    + line("ReLU", "r", ["a"], ["a"])
    + line("InnerProduct", "b", ["a"], ["b"], "inner_product_param { num_output: 6 }")
)


def with_arrays(model: Model, name: str, *arrays: np.ndarray) -> Model:
    old = model.blobs(name)
    blobs = tuple(blob.filled(array) for blob, array in zip(old, arrays))
    assert model.weights
    return Model(model.prototxt, model.weights.replace({name: [LayerWeights(name, None, blobs)]}))


def perceptron(seed: int = 0) -> Model:
    return with_random_weights(PERCEPTRON, seed)


def view_of(model: Model, calibrator: Any = None, name: str = "a", **more: Any) -> View:
    group = next(group for group in channel_groups(model) if group.name == name)
    return View(model, group, calibrator, **more)


def samples(count: int = 200) -> Inputs:
    random = np.random.default_rng(1)
    return Inputs({"x": random.normal(size=(count, 4)).astype(np.float32)})


def hidden(model: Model, inputs: Inputs) -> np.ndarray:
    weights, bias = (blob.array().astype(np.float64) for blob in model.blobs("a"))
    return np.maximum(inputs.arrays["x"][:] @ weights.T + bias, 0)


def test_criteria_on_weights() -> None:
    model = perceptron()
    rows = model.blobs("a")[0].array().astype(np.float64)
    view = view_of(model)
    np.testing.assert_allclose(criterion("l1").scores(view), np.abs(rows).sum(axis=1))
    np.testing.assert_allclose(criterion("l2").scores(view), np.linalg.norm(rows, axis=1))
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2).sum(axis=1)
    np.testing.assert_allclose(criterion("geometric-median").scores(view), apart, rtol=1e-6)


def test_criteria_on_activations(quick_caffe) -> None:
    model, inputs = perceptron(), samples()
    view = view_of(model, Calibrator(inputs, quick_caffe))
    values = hidden(model, inputs)
    near = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(criterion("activation").scores(view), values.mean(axis=0), **near)
    np.testing.assert_allclose(criterion("activation-std").scores(view), values.std(axis=0), **near)
    np.testing.assert_allclose(
        criterion("zeros").scores(view), (values > 0).mean(axis=0), rtol=0, atol=0.006
    )


def test_chance_depends_on_the_seed_and_the_name() -> None:
    view, again = view_of(perceptron()), view_of(perceptron())
    other = view_of(perceptron(), seed=1)
    scores = criterion("random").scores
    np.testing.assert_array_equal(scores(view), scores(again))
    assert sorted(scores(view)) == list(range(UNITS))
    assert (scores(view) != scores(other)).any()


def planted() -> Model:
    """Units 0, 1 and 2 are new; 3 = 0, 4 = 2 * 1 and 5 is dead."""
    rows = np.zeros((UNITS, 4))
    rows[0, 0], rows[1, 1], rows[2, 2], rows[3, 0], rows[4, 1] = 1, 1, 0.5, 1, 2
    bias = np.zeros(UNITS)
    bias[5] = -1
    return with_arrays(perceptron(), "a", rows, bias)


PURSUITS = ["consumer", "interpolative", "interpolative-activations", "somp", "somp-activations"]


@pytest.mark.parametrize("name", [*PURSUITS, "somp-l1", "somp-l2", "surgeon"])
def test_pursuits_take_each_direction_once(quick_caffe, name) -> None:
    view = view_of(planted(), Calibrator(samples(), quick_caffe))
    kept = criterion(name).choose(view, 3).tolist()
    assert len({0, 3} & set(kept)) == 1, kept
    assert len({1, 4} & set(kept)) == 1, kept
    assert 2 in kept


def test_an_identity_as_consumer_weighs_all_alike(quick_caffe) -> None:
    model = with_arrays(perceptron(3), "b", np.eye(6), np.zeros(6))
    view = view_of(model, Calibrator(samples(), quick_caffe))
    for keep in range(1, UNITS):
        found = criterion("consumer").choose(view, keep)
        np.testing.assert_array_equal(found, criterion("somp-activations").choose(view, keep))


def test_the_surgeon_keeps_what_is_read(quick_caffe) -> None:
    model = perceptron(2)
    weights, bias = (blob.array().copy() for blob in model.blobs("b"))
    weights[:, [1, 4]] = 0.0
    view = view_of(with_arrays(model, "b", weights, bias), Calibrator(samples(), quick_caffe))
    ranking = criterion("surgeon").ranking(view)
    assert set(ranking.order[:2].tolist()) == {1, 4}
    np.testing.assert_allclose(ranking.losses[:2], 0, atol=1e-9)
    assert ranking.losses[2] > 0


def test_without_a_bias_a_mean_is_missed(quick_caffe) -> None:
    start, _, end = PERCEPTRON.rpartition("num_output: 6")
    without = f"{start}num_output: 6 bias_term: false{end}"
    for bias in (True, False):
        model = with_random_weights(PERCEPTRON if bias else without, 2)
        rows, shifts = (blob.array().copy() for blob in model.blobs("a"))
        rows[5], shifts[5] = 0.0, 3.0
        view = view_of(with_arrays(model, "a", rows, shifts), Calibrator(samples(), quick_caffe))
        assert (criterion("surgeon").ranking(view).order[0] == 5) == bias


def test_rows_are_judged_without_the_columns_that_are_gone() -> None:
    text = PERCEPTRON + line(
        "InnerProduct", "c", ["b"], ["c"], "inner_product_param { num_output: 3 }"
    )
    model = with_random_weights(text, 5)
    thinned = thin_model(model, channel_groups(model), {"a": [1, 2]})
    view = view_of(thinned, name="b")
    rows = model.blobs("b")[0].array().astype(np.float64)[:, [1, 2]]
    np.testing.assert_allclose(view.made(), rows)
    np.testing.assert_allclose(criterion("l1").scores(view), np.abs(rows).sum(axis=1))


TWICE = """
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 1 dim: 5 dim: 5 } } }
layer { name: "first" type: "Convolution" bottom: "x" top: "first"
        convolution_param { kernel_size: 3 num_output: 8 } }
layer { name: "three" type: "Concat" bottom: "first" bottom: "first" bottom: "first" top: "three" }
layer { name: "two" type: "Convolution" bottom: "three" top: "two"
        convolution_param { kernel_size: 3 num_output: 8 group: 2 } }
"""
"""A channel that stands twice in one group of a convolution, and once in the other."""


@settings(max_examples=25, **QUIET)
@example(text=TWICE, share=0.5, multiple=1, name="activation")
@example(text=TWICE, share=0.3, multiple=2, name="l1")
@given(
    text=channel_nets(most_layers=4),
    share=st.floats(0.2, 0.9),
    multiple=st.sampled_from([1, 2]),
    name=st.sampled_from(
        [n for n, one in sorted(CRITERIA.all().items()) if one.needs != "gradients"]
    ),
)
def test_all_respect_what_must_stay(quick_caffe, text, share, multiple, name) -> None:
    model = with_random_weights(text)
    calibrator = Calibrator(random_inputs(model.network(), 8, 0), quick_caffe)
    one = criterion(name)
    groups = channel_groups(model)
    for group in groups:
        view = View(model, group, calibrator)
        if group.blocked:
            continue
        try:
            kept = one.choose(view, max(1, round(share * group.channels)), multiple)
            ranking = one.ranking(view)
        except PlanError as error:
            assert "\n" not in str(error)  # noqa: PT017
            continue
        assert set(group.pinned) <= set(kept.tolist())
        assert len(kept) % multiple == 0 or len(kept) == group.channels
        assert not set(group.pinned) & set(ranking.order.tolist())
        assert len(set(ranking.order.tolist())) == len(ranking.order) == len(ranking.losses)
        stays = np.isin(np.arange(group.channels), kept)
        left = ~np.isin(np.arange(group.channels), ranking.order)
        for rows in group.balanced:
            assert len(set(stays[rows].sum(axis=1).tolist())) == 1
        for part in group.parts:
            assert stays[list(part)].any()
            assert left[list(part)].any()


@pytest.mark.parametrize("name", sorted(CRITERIA.all()))
def test_each_says_what_it_is(name) -> None:
    one = criterion(name)
    assert one.name == name
    assert one.source
    if one.needs != WEIGHTS:
        with pytest.raises(PlanError, match="`calibrate`"):
            one.choose(view_of(perceptron()), 3)
    assert one.needs in (WEIGHTS, ACTIVATIONS, "gradients")


def test_a_wrong_name_lists_those_there_are() -> None:
    with pytest.raises(PlanError, match=r"choose among activation, .*surgeon"):
        criterion("magic")


def test_the_weights_of_one_layer_are_not_copied() -> None:
    view = view_of(perceptron())
    stored = view.made(dtype=None)
    assert np.shares_memory(stored, view.model.blobs("a")[0].array())
    assert view.made().dtype == np.float64
    assert np.array_equal(view.made(), stored)
