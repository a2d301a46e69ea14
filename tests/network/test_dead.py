"""What is found dead can go, and real Caffe sees no difference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from channel_choices import with_random_weights
from channel_nets import line
from dead_nets import dead_nets, in_caffe, planted
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from small_models import make_model

import netsurgery as ns
from netsurgery.network.channels import channel_groups
from netsurgery.network.dead import find_dead
from netsurgery.network.model import Model
from netsurgery.planning.dead_channels import plan_dead_channels

# Sums of a few thousand float32 products, in another order, through some twenty layers.
NOISE = 1e-4
QUIET = {"suppress_health_check": list(HealthCheck)}


def dead(model: Model, group: str) -> list[int]:
    found = find_dead(model, channel_groups(model))
    return np.flatnonzero(found[group].channels).tolist()


def divides_rounding(model: Model, blobs: dict[str, np.ndarray]) -> bool:
    """Whether an MVN layer divides a channel of one number, less its mean, by next to nothing.

    What comes out is rounding, magnified by up to 1e9, and other with other channels beside it.
    """
    for layer in model.network().layers:
        if layer.type == "MVN":
            array = blobs[layer.bottoms[0].blob]
            spread = np.ptp(array, axis=(2, 3)) if array.ndim == 4 else np.zeros(1)
            if (spread <= NOISE * np.abs(array).max()).any():
                return True
    return False


@settings(max_examples=50, **QUIET)
@given(text=dead_nets(), seed=st.integers(0, 9))
def test_random_nets_without_their_dead_channels(ask_caffe, tmp_path_factory, text, seed):
    model = planted(text, seed)
    plan = plan_dead_channels(model)
    thin = ns.apply(model, plan)
    assert not plan_dead_channels(thin).edits
    assume(plan.edits)
    folder: Path = tmp_path_factory.getbasetemp()
    expected = in_caffe(ask_caffe, model, folder / "whole")
    found = in_caffe(ask_caffe, thin, folder / "thin")
    assume(all(np.isfinite(array).all() for array in expected.values()))
    assume(not divides_rounding(model, expected))
    for value in model.network().outputs:
        array = expected[value.blob]
        limit = NOISE * max(np.abs(array).max(initial=0), 1e-3)
        np.testing.assert_allclose(found[value.blob], array, rtol=0, atol=limit)


INPUT = line("Input", "x", [], ["x"], "input_param { shape { dim: 1 dim: 4 } }")
WIDE = "inner_product_param { num_output: 4 }"


def test_channels_that_only_read_each_other_are_dead_together():
    """A residual stream: what b adds to channel 3 is made of that channel alone."""
    text = INPUT + line("InnerProduct", "a", ["x"], ["a"], WIDE)
    text += line("InnerProduct", "b", ["a"], ["b"], WIDE)
    text += line("InnerProduct", "c", ["b"], ["c"], WIDE)
    text += line("Eltwise", "sum", ["a", "c"], ["sum"])
    text += line("InnerProduct", "out", ["sum"], ["out"], WIDE)
    model = with_random_weights(text)
    blobs = {layer.name: [b.array().copy() for b in layer.blobs] for layer in model.weights.layers}
    blobs["out"][0][:, 3] = 0
    blobs["b"][0][:3, 3] = 0
    blobs["c"][0][:3, 3] = 0
    model = make_model(text, blobs)
    assert dead(model, "a") == [3]
    assert dead(model, "b") == [3]


@pytest.mark.parametrize("readers", [1, 2])
def test_every_reader_counts(readers):
    text = INPUT + line("InnerProduct", "a", ["x"], ["a"], WIDE)
    text += "".join(line("InnerProduct", f"r{i}", ["a"], [f"r{i}"], WIDE) for i in range(2))
    model = with_random_weights(text)
    blobs = {layer.name: [b.array().copy() for b in layer.blobs] for layer in model.weights.layers}
    for number in range(readers):
        blobs[f"r{number}"][0][:, 2] = 0
    assert dead(make_model(text, blobs), "a") == ([2] if readers == 2 else [])


def test_outputs_and_inputs_are_alive_whatever_they_hold():
    text = INPUT + line("InnerProduct", "a", ["x"], ["a"], WIDE)
    model = make_model(text, {"a": [np.zeros((4, 4)), np.zeros(4)]})
    assert dead(model, "a") == dead(model, "x") == []


def test_channels_that_change_their_neighbours_are_alive():
    text = INPUT.replace("dim: 4", "dim: 4 dim: 5 dim: 5")
    body = "convolution_param { num_output: 4 kernel_size: 1 }"
    text += line("Convolution", "a", ["x"], ["a"], body)
    text += line("LRN", "lrn", ["a"], ["lrn"], "lrn_param { local_size: 3 }")
    text += line("InnerProduct", "b", ["lrn"], ["b"], WIDE)
    model = with_random_weights(text)
    blobs = {layer.name: [b.array().copy() for b in layer.blobs] for layer in model.weights.layers}
    blobs["b"][0].reshape(4, 4, -1)[:, 1] = 0
    assert dead(make_model(text, blobs), "a") == []
