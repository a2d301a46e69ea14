"""Rows times matrices are what real Caffe's Convolution and InnerProduct make."""

from __future__ import annotations

import numpy as np
import pytest
from channel_choices import with_random_weights
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from netsurgery.calibration.inputs import Batch
from netsurgery.calibration.session_pool import open_model
from netsurgery.errors import NetworkError
from netsurgery.layers import MatrixProduct
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes

# A row has 200 numbers at most; float32 keeps seven digits of each product.
NOISE = 1e-5

LAYER = """
input: "x" input_shape { %s }
layer { name: "it" type: "%s" bottom: "x" top: "y" %s_param { %s } }
"""


def one_layer(shape: tuple, kind: str, body: str) -> Model:
    block = {"Convolution": "convolution", "InnerProduct": "inner_product"}.get(kind, "power")
    dims = " ".join(f"dim: {size}" for size in shape)
    return with_random_weights(LAYER % (dims, kind, block, body))


def product_of(model: Model) -> MatrixProduct:
    network = model.network()
    (layer,) = (layer for layer in network.layers if layer.name == "it")
    return MatrixProduct.of(layer, infer_shapes(network)[layer.bottoms[0]])


def check(quick_caffe, model: Model, batch: int) -> None:
    product, network = product_of(model), model.network()
    (value,) = network.inputs
    layer = product.layer
    random = np.random.default_rng(0)
    with open_model(quick_caffe, model) as runner:
        shape = runner.shape(value)
        if layer.parameter.inner_product_param.axis % len(shape):
            shape = (batch, *shape[1:])
        x = random.normal(size=shape).astype(np.float32)
        y = runner.run(Batch({"x": x}, len(x), len(x)), {"y": layer.tops[0]})["y"]
    weights, *bias = (blob.array() for blob in model.blobs("it"))
    matrices = product.matrices(weights)
    assert len(matrices) == product.groups
    constants = np.split(bias[0], product.groups) if bias else [0.0] * product.groups
    count = product.places
    for places in (None, np.arange(count)[::2]) if product.layer.type == "Convolution" else (None,):
        rows, made = product.read(x, places), product.made(y, places)
        if places is not None:
            at = product.positions(places)
            gathered = product.read_gathered(x.reshape(*x.shape[:2], -1)[:, :, at], places)
            np.testing.assert_array_equal(gathered, rows)
        for matrix, constant, read, wanted in zip(matrices, constants, rows, made):
            assert read.shape[1] == product.width
            found = read.astype(np.float64) @ matrix.T + constant
            limit = NOISE * max(np.abs(y).max(), 1)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=limit)
    np.testing.assert_array_equal(product.joined(matrices).reshape(weights.shape), weights)


QUIET = {"suppress_health_check": list(HealthCheck)}


@settings(max_examples=25, **QUIET)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    pad=st.tuples(st.integers(0, 2), st.integers(0, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    group=st.sampled_from([1, 2, 3]),
    bias=st.sampled_from(["true", "false"]),
)
def test_convolutions(quick_caffe, kernel, stride, pad, dilation, group, bias) -> None:
    body = f"kernel_h: {kernel[0]} kernel_w: {kernel[1]} stride_h: {stride[0]} "
    body += f"stride_w: {stride[1]} pad_h: {pad[0]} pad_w: {pad[1]} bias_term: {bias} "
    body += f"dilation: {dilation[0]} dilation: {dilation[1]} group: {group} num_output: 6"
    assume(all(5 + 2 * p >= d * (k - 1) + 1 for p, d, k in zip(pad, dilation, kernel)))
    check(quick_caffe, one_layer((2, 6, 5, 7), "Convolution", body), 3)


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        ((2, 3, 4, 5), ""),
        ((2, 3, 4, 5), "bias_term: false"),
        ((2, 3, 4, 5), "transpose: true"),
        ((2, 3, 4, 5), "axis: 2"),
        ((2, 3, 4, 5), "axis: -1 transpose: true"),
        ((2, 3, 4, 5), "axis: 0"),
        ((6, 7), ""),
    ],
)
def test_inner_products(quick_caffe, shape, body) -> None:
    check(quick_caffe, one_layer(shape, "InnerProduct", f"num_output: 4 {body}"), 3)


def test_legacy_blobs_have_four_axes() -> None:
    product = product_of(one_layer((1, 6), "InnerProduct", "num_output: 4"))
    weights = np.arange(24.0).reshape(1, 1, 4, 6)
    np.testing.assert_array_equal(product.matrices(weights)[0], weights[0, 0])


@pytest.mark.parametrize(
    ("shape", "kind", "body", "problem"),
    [
        ((1, 2, 3, 4), "Power", "power: 1", "of type Power, not Convolution or InnerProduct"),
        (
            (1, 2, 5, 5),
            "Convolution",
            "num_output: 2 kernel_size: 1 axis: 2",
            "are on axis 2",
        ),
    ],
)
def test_what_is_no_product_is_refused(shape, kind, body, problem) -> None:
    with pytest.raises(NetworkError, match=problem):
        product_of(one_layer(shape, kind, body))
