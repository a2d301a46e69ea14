"""Which layers can be fitted behind a change, and from how many rows."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest
from small_models import two_layers

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.layers import MatrixProduct
from netsurgery.methods import Edit
from netsurgery.network import Network, Value, infer_shapes
from netsurgery.planning import Plan
from netsurgery.planning.downstream import downstream_layers, fit_in_turn, rows_seen, sees_enough
from netsurgery.surgery import apply

CONV = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 1 dim: 2 dim: 5 dim: 5 } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 3 kernel_size: 3 } }
"""


def product(width: int) -> MatrixProduct:
    """An InnerProduct layer that reads so many numbers."""
    text = f"""\
layer {{ name: "data" type: "Input" top: "data" input_param {{ shape {{ dim: 1 dim: {width} }} }} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc"
        inner_product_param {{ num_output: 3 }} }}
"""
    return matrix_product(text)


def matrix_product(text: str) -> MatrixProduct:
    network = Network.of(Prototxt.parse(text.encode()))
    layer = network.layers[-1]
    shape = infer_shapes(network)[layer.bottoms[0]]
    assert shape is not None
    return MatrixProduct.of(layer, shape)


def seeing(samples: int, *shape: int) -> Calibrator:
    return Calibrator(Inputs({"data": np.zeros((samples, *shape), np.float32)}))


@pytest.mark.parametrize(("samples", "enough"), [(27, False), (28, True), (500, True)])
def test_a_fit_takes_four_rows_for_each_thing_to_learn(samples: int, enough: bool) -> None:
    assert rows_seen(product(7), seeing(samples, 7)) == samples
    assert sees_enough(product(7), seeing(samples, 7)) is enough


@pytest.mark.parametrize(("samples", "enough"), [(7, False), (8, True)])
def test_each_window_of_a_convolution_is_a_row(samples: int, enough: bool) -> None:
    # 2 * 3 * 3 things to learn, and 3 * 3 windows of each sample.
    conv = matrix_product(CONV)
    assert rows_seen(conv, seeing(samples, 2, 5, 5)) == 9 * samples
    assert sees_enough(conv, seeing(samples, 2, 5, 5)) is enough


def test_of_many_windows_no_more_count_than_are_looked_at() -> None:
    few = seeing(8, 2, 5, 5)
    few = few.of(few.inputs, 4)
    assert rows_seen(matrix_product(CONV), few) == 4 * 8


@pytest.mark.parametrize(
    ("changed", "found"),
    [("data", ["fc6", "fc7"]), ("fc6", ["fc7"]), ("fc7", [])],
)
def test_layers_behind_a_value_are_found_through_others(changed: str, found: list) -> None:
    assert downstream_layers(two_layers(), [Value(changed, 0)]) == found


def test_layers_are_fitted_to_what_they_made_in_the_original(engine: str) -> None:
    """fc6 gets other weights: fitted on what it reads, it finds its own again, and fc7 with it."""
    model = two_layers()
    random = np.random.default_rng(0)
    inputs = Inputs({"data": random.normal(size=(256, 3, 4, 4)).astype(np.float32)})
    spoilt = apply(model, Plan((Edit("fc6", "svd", {"rank": 31}),)))
    restored = fit_in_turn(model, spoilt, ["fc7"], Calibrator(inputs, engine), {})
    weights: Tuple[np.ndarray, ...] = tuple(
        one.blobs("fc7")[0].array() for one in (model, spoilt, restored)
    )
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    assert np.allclose(weights[0], weights[2], atol=0.1 * np.abs(weights[0]).max())
