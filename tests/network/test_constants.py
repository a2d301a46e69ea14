"""What is said to be constant is just that in real Caffe, whatever the input."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import numpy as np
import pytest
from channel_choices import with_random_weights
from channel_nets import line
from dead_nets import NEURONS, dead_nets, in_caffe, planted
from hypothesis import HealthCheck, given, settings, strategies as st
from small_models import make_model

from netsurgery.network.constants import follow_constants
from netsurgery.network.graph import Value
from netsurgery.network.linear import find_linear
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes

SHAPE = "input_param { shape { dim: 2 dim: 3 dim: 5 dim: 5 } }"
INPUT = line("Input", "x", [], ["x"], SHAPE)
CONVOLUTION = line("Convolution", "c", ["x"], ["c"], "convolution_param { num_output: 3 %s }")


def constants(model: Model) -> Dict[str, np.ndarray]:
    network = model.network()
    shapes = infer_shapes(network)
    linear = find_linear(model, network, shapes)
    found = follow_constants(model, network, shapes, linear)
    return {value.blob: held for value, held in found.items() if held is not None}


def zero_convolution(more: str, biases=(-1.0, 0.0, 2.0), fields: str = "kernel_size: 1") -> Model:
    """A convolution of which nothing but the bias is left, and what follows it."""
    model = with_random_weights(INPUT + CONVOLUTION % fields + more)
    weights = {layer.name: [blob.array() for blob in layer.blobs] for layer in model.weights.layers}
    weights["c"] = [np.zeros_like(weights["c"][0]), np.array(biases)]
    return make_model(model.prototxt.data.decode(), weights)


def check(ask_caffe, model: Model, folder: Path) -> int:
    """Compare with what Caffe makes of two samples; how many numbers were said to be constant."""
    claimed = constants(model)
    made = in_caffe(ask_caffe, model, folder)
    if not all(np.isfinite(array).all() for array in made.values()):
        return 0  # 0 times infinity is no constant
    count = 0
    for name in made.keys() & claimed.keys():  # Caffe has Splits of its own
        wanted = np.broadcast_to(claimed[name], made[name].shape)
        known = ~np.isnan(wanted)
        count += int(known.sum())
        # float32 formulas and sums in another order, through up to ten layers
        np.testing.assert_allclose(made[name][known], wanted[known], rtol=1e-4, atol=1e-5)
    return count


QUIET = {"suppress_health_check": list(HealthCheck)}


@settings(max_examples=80, **QUIET)
@given(text=dead_nets(), seed=st.integers(0, 9))
def test_constants_of_random_nets_are_constant_in_caffe(ask_caffe, tmp_path_factory, text, seed):
    check(ask_caffe, planted(text, seed), tmp_path_factory.getbasetemp())


@pytest.mark.parametrize("kind", sorted(NEURONS))
@pytest.mark.parametrize("given_body", [True, False])
def test_neurons_in_the_formula_of_caffe(ask_caffe, tmp_path, kind, given_body):
    model = zero_convolution(line(kind, "n", ["c"], ["n"], NEURONS[kind] if given_body else ""))
    assert check(ask_caffe, model, tmp_path)
    assert not np.isnan(constants(model)["n"]).any()


def test_zero_weights_and_a_negative_bias_are_zero_behind_a_relu():
    made = constants(zero_convolution(line("ReLU", "r", ["c"], ["r"])))
    assert made["c"].ravel().tolist() == [-1, 0, 2]
    assert made["r"].ravel().tolist() == [0, 0, 2]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("pool: MAX kernel_size: 3 stride: 2 pad: 1", [-1, 0, 2]),
        ("pool: AVE kernel_size: 3 stride: 2", [-1, 0, 2]),
        ("pool: AVE kernel_size: 2 stride: 2", [-1, 0, 2]),  # the last window hangs over
        ("pool: AVE kernel_size: 3 pad: 1", [np.nan, 0, np.nan]),
        ("pool: AVE global_pooling: true", [-1, 0, 2]),
        ("pool: MAX kernel_size: 1 stride: 3", [np.nan] * 3),  # the last window is beyond
    ],
)
def test_pooling(ask_caffe, tmp_path, fields, expected):
    model = zero_convolution(line("Pooling", "p", ["c"], ["p"], f"pooling_param {{ {fields} }}"))
    found = np.broadcast_to(constants(model)["p"], (1, 3, 1, 1)).ravel()
    np.testing.assert_array_equal(found, expected)
    check(ask_caffe, model, tmp_path)


@pytest.mark.parametrize(("pad", "known"), [(0, True), (1, False)])
def test_a_convolution_of_constants_is_constant_unless_it_pads(ask_caffe, tmp_path, pad, known):
    fields = f"convolution_param {{ num_output: 2 kernel_size: 3 pad: {pad} }}"
    model = zero_convolution(line("Convolution", "d", ["c"], ["d"], fields))
    assert np.isfinite(constants(model)["d"]).all() == known
    check(ask_caffe, model, tmp_path)


def test_a_factor_of_zero_makes_a_constant_of_anything(ask_caffe, tmp_path):
    text = INPUT + line("Scale", "s", ["x"], ["s"], "scale_param { bias_term: true }")
    text += line("Flatten", "f", ["s"], ["f"])
    model = make_model(text, {"s": [np.array([0, 1, 0]), np.array([5, 6, 7])]})
    made = constants(model)
    np.testing.assert_array_equal(made["s"].ravel(), [5, np.nan, 7])
    np.testing.assert_array_equal(
        np.broadcast_to(made["f"], (1, 75)).ravel(), np.repeat([5, np.nan, 7], 25)
    )
    assert check(ask_caffe, model, tmp_path)


@pytest.mark.parametrize("body", ["batch_norm_param { use_global_stats: false }", ""])
def test_batch_norm_keeps_constants_if_its_statistics_are_frozen(ask_caffe, tmp_path, body):
    model = zero_convolution(line("BatchNorm", "n", ["c"], ["n"], body))
    assert np.isfinite(constants(model)["n"]).all() == (not body)
    check(ask_caffe, model, tmp_path)


def test_nothing_is_known_of_what_a_type_without_a_rule_makes():
    model = zero_convolution(line("MVN", "m", ["c"], ["m"]))
    assert np.isnan(constants(model)["m"]).all()


def test_weights_that_are_shared_or_missing_make_nothing_constant():
    text = INPUT + "".join(
        line("InnerProduct", name, ["x"], [name], body)
        for name, body in [
            ("a", 'param { name: "w" } inner_product_param { num_output: 2 bias_term: false }'),
            ("b", 'param { name: "w" } inner_product_param { num_output: 2 bias_term: false }'),
            ("c", "inner_product_param { num_output: 2 }"),
        ]
    )
    zeros = np.zeros((2, 75))
    made = constants(make_model(text, {"a": [zeros], "b": [zeros]}))
    assert all(np.isnan(made[name]).all() for name in "abc")


def test_stochastic_pooling_is_not_followed():
    body = "pooling_param { pool: STOCHASTIC kernel_size: 3 }"
    model = zero_convolution(line("Pooling", "p", ["c"], ["p"], body))
    assert np.isnan(constants(model)["p"]).all()


def test_values_are_told_apart_where_layers_work_in_place():
    model = zero_convolution(line("ReLU", "r", ["c"], ["c"]))
    network = model.network()
    shapes = infer_shapes(network)
    held = follow_constants(model, network, shapes, find_linear(model, network, shapes))
    before, after = held[Value("c")], held[Value("c", 1)]
    assert before.ravel().tolist() == [-1, 0, 2]
    assert after.ravel().tolist() == [0, 0, 2]
