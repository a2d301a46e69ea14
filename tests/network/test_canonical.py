"""Canonical scales of channels: what the net computes stays, and no scale of before shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from channel_choices import with_random_weights
from channel_nets import CONVOLUTION, channel_nets, line
from hypothesis import HealthCheck, given, settings
from test_channels_caffe import run

from netsurgery.formats.blob import Blob
from netsurgery.network.channels import ChannelGroup, Cut, channel_groups
from netsurgery.network.channels.canonical import canonical_weights, is_scalable
from netsurgery.network.model import Model

# Sums of float32 products in other units, through some ten layers.
NOISE = 1e-4


def with_blobs(model: Model, arrays: dict) -> Model:
    """The model with other numbers in some of its blobs."""
    changes = {}
    for name in {name for name, _ in arrays}:
        (saved,) = model.weights.find(name)
        blobs = [
            Blob.of(arrays[name, index].astype(np.float32)) if (name, index) in arrays else blob
            for index, blob in enumerate(saved.blobs)
        ]
        changes[name] = [replace(saved, blobs=tuple(blobs))]
    return replace(model, weights=model.weights.replace(changes))


def entries_of(cut: Cut, channel: int, shape: tuple) -> np.ndarray:
    """Flat indices of what an axis of a blob has of a channel."""
    places = np.arange(int(np.prod(shape))).reshape(shape[len(shape) - cut.axes :])
    if cut.channels.ndim == 1:
        return places.take(cut.indices(channel), cut.axis).ravel()
    runs = np.split(places, len(cut.channels))
    return np.concatenate([runs[run][:, at].ravel() for run, at in cut.indices(channel)] or [[]])


def rescaled(model: Model, groups: list[ChannelGroup], seed: int) -> Model:
    """The same function with other scales of all channels that may have some, by the definition."""
    random = np.random.RandomState(seed)
    arrays: dict = {}
    for group in groups:
        if not is_scalable(model.network(), group):
            continue
        factors = np.exp(random.uniform(-2, 2, group.channels))
        for cut in group.members:
            key = cut.layer.name, cut.blob
            array = arrays.setdefault(key, model.blobs(key[0])[key[1]].array(np.float64).copy())
            for channel in range(group.channels):
                entries = entries_of(cut, channel, array.shape).astype(int)
                if cut.role == "reads":
                    array.reshape(-1)[entries] /= factors[channel]
                elif cut.role == "makes" or cut.blob == 1:
                    array.reshape(-1)[entries] *= factors[channel]
    return with_blobs(model, arrays)


@settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
@given(text=channel_nets())
def test_the_net_computes_what_it_did(ask_caffe, tmp_path_factory, text: str) -> None:
    model = with_random_weights(text)
    arrays = canonical_weights(model)
    folder = tmp_path_factory.mktemp("canonical")
    expected = run(ask_caffe, model, folder / "before")
    for name, found in run(ask_caffe, with_blobs(model, arrays), folder / "after").items():
        if np.isfinite(expected[name]).all():
            limit = NOISE * max(np.abs(expected[name]).max(initial=0), 1e-3)
            np.testing.assert_allclose(found, expected[name], rtol=0, atol=limit)


def declared(*dims: int) -> str:
    shape = " ".join(f"dim: {dim}" for dim in dims)
    return line("Input", "x", [], ["x"], f"input_param {{ shape {{ {shape} }} }}")


def product(name: str, bottom: str, outputs: int) -> str:
    body = f"inner_product_param {{ num_output: {outputs} }}"
    return line("InnerProduct", name, [bottom], [name], body)


def convolution(name: str, bottom: str, more: str) -> str:
    return line("Convolution", name, [bottom], [name], CONVOLUTION % f"pad: 1 {more}")


def relu(blob: str) -> str:
    return line("ReLU", f"{blob}_relu", [blob], [blob], "relu_param { negative_slope: 0.1 }")


NETS = {
    "chain": convolution("a", "x", "num_output: 4")
    + relu("a")
    + line("Pooling", "p", ["a"], ["p"], "pooling_param { pool: AVE kernel_size: 2 stride: 2 }")
    + line("Dropout", "d", ["p"], ["p"])
    + product("b", "p", 5)
    + line("PReLU", "b_relu", ["b"], ["b"])
    + product("o", "b", 2),
    "residual": convolution("a", "x", "num_output: 4")
    + convolution("b", "a", "num_output: 4")
    + line("Eltwise", "s", ["a", "b"], ["s"])
    + relu("s")
    + product("o", "s", 2),
    "concat, slice, groups": convolution("a", "x", "num_output: 4")
    + convolution("b", "x", "num_output: 6")
    + relu("b")
    + line("Concat", "j", ["a", "b"], ["j"])
    + convolution("c", "j", "num_output: 6 group: 2")
    + line("Flatten", "f", ["c"], ["f"])
    + product("o", "f", 2),
    "depthwise, transposed": convolution("a", "x", "num_output: 4")
    + convolution("b", "a", "num_output: 4 group: 4")
    + relu("b")
    + line("Deconvolution", "c", ["b"], ["c"], CONVOLUTION % "num_output: 5")
    + product("o", "c", 2),
}


@pytest.mark.parametrize("name", sorted(NETS))
def test_scales_of_before_do_not_show(ask_caffe, tmp_path: Path, name: str) -> None:
    model = with_random_weights(declared(2, 3, 6, 6) + NETS[name])
    groups = channel_groups(model)
    assert sum(is_scalable(model.network(), group) for group in groups) >= 2 - (name == "residual")
    other = rescaled(model, groups, 1)
    expected, found = canonical_weights(model), canonical_weights(other)
    assert expected
    assert expected.keys() == found.keys()
    for key, array in expected.items():
        # `other` is stored in float32.
        np.testing.assert_allclose(found[key], array, rtol=1e-5, atol=1e-7 * np.abs(array).max())
    before = run(ask_caffe, model, tmp_path / "before")
    after = run(ask_caffe, with_blobs(model, expected), tmp_path / "after")
    np.testing.assert_allclose(after["o"], before["o"], atol=NOISE * np.abs(before["o"]).max())


def test_what_makes_a_channel_is_as_long_as_what_reads_it() -> None:
    model = with_random_weights(declared(2, 3, 6, 6) + NETS["chain"])
    found = canonical_weights(model)
    first, second = found["a", 0], found["b", 0].reshape(5, 4, -1)
    np.testing.assert_allclose(
        np.linalg.norm(first.reshape(4, -1), axis=1),
        np.linalg.norm(second, axis=(0, 2)),
        rtol=1e-9,
    )
    assert (found["a", 1] != 0).any()


def balanced_one_by_one(model: Model) -> dict:
    """The canonical weights by the definition: channel by channel, on the weights themselves."""
    arrays: dict = {}
    scales = []
    for group in channel_groups(model):
        if is_scalable(model.network(), group):
            cuts = [cut for cut in group.members if cut.role != "carries" or cut.blob == 1]
            scales += [(cuts, channel) for channel in range(group.channels)]
            for name, index in {(cut.layer.name, cut.blob) for cut in cuts}:
                arrays[name, index] = model.blobs(name)[index].array(np.float64).copy()
    for _ in range(150):
        for cuts, channel in scales:
            squares, parts = {True: 0.0, False: 0.0}, []
            for cut in cuts:
                array = arrays[cut.layer.name, cut.blob]
                at = entries_of(cut, channel, array.shape).astype(int)
                reads = cut.role == "reads"
                parts.append((array.reshape(-1), at, reads))
                squares[reads] += np.sum(array.reshape(-1)[at] ** 2) if cut.blob == 0 else 0.0
            factor = (squares[True] / squares[False]) ** 0.25
            for flat, at, reads in parts:
                flat[at] *= 1 / factor if reads else factor
    return arrays


@pytest.mark.parametrize("name", ["chain", "residual", "concat, slice, groups"])
def test_sums_of_squares_tell_the_scales_that_the_weights_do(name: str) -> None:
    model = with_random_weights(declared(2, 3, 6, 6) + NETS[name])
    expected, found = balanced_one_by_one(model), canonical_weights(model)
    assert expected.keys() == found.keys()
    for key, array in expected.items():
        # Both go on until a channel moves by 1e-12; each step leaves a share of the way.
        np.testing.assert_allclose(found[key], array, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        line("Sigmoid", "s", ["a"], ["a"]),
        line("BatchNorm", "n", ["a"], ["a"]),
        line("Pooling", "p", ["a"], ["q"], "pooling_param { pool: STOCHASTIC kernel_size: 2 }"),
        line("Eltwise", "e", ["a", "a"], ["q"], "eltwise_param { operation: PROD }"),
        line("LRN", "l", ["a"], ["q"]),
    ],
)
def test_channels_keep_their_scale_where_what_they_pass_is_not_homogeneous(layer: str) -> None:
    last = "q" if '"q"' in layer else "a"
    text = declared(2, 3, 6, 6) + convolution("a", "x", "num_output: 4") + layer
    assert not canonical_weights(with_random_weights(text + product("o", last, 2)))


def test_channels_that_are_outputs_or_share_weights_keep_their_scale() -> None:
    ends = declared(2, 3, 6, 6) + convolution("a", "x", "num_output: 4") + product("o", "a", 2)
    assert canonical_weights(with_random_weights(ends))
    side = line("Pooling", "p", ["a"], ["p"], "pooling_param { kernel_size: 2 }")
    assert not canonical_weights(with_random_weights(ends + side))
    shared = ends.replace("convolution_param", 'param { name: "w" } convolution_param')
    twin = convolution("b", "x", "num_output: 4").replace(
        "convolution_param", 'param { name: "w" } convolution_param'
    )
    model = with_random_weights(shared + twin + product("q", "b", 2))
    assert not canonical_weights(model)


def test_channels_that_nothing_makes_are_left() -> None:
    model = with_random_weights(declared(2, 3, 6, 6) + NETS["chain"])
    weights = model.blobs("a")[0].array(np.float64).copy()
    weights[2] = 0
    found = canonical_weights(with_blobs(model, {("a", 0): weights}))
    assert not found["a", 0][2].any()
    assert all(np.isfinite(array).all() for array in found.values())
    assert np.linalg.norm(found["b", 0].reshape(5, 4, -1)[:, 2]) > 0
