"""What the plugin adds keeps the contracts of netsurgery, and works in it."""

from __future__ import annotations

import numpy as np
import pytest
from netsurgery_example.numpy_engine import NumpySession
from netsurgery_example.relative import relative

import netsurgery as ns
from netsurgery.engine import engine
from netsurgery.formats import Blob, LayerWeights, Prototxt, Weights
from netsurgery.network import Model
from netsurgery.testing import (
    MethodExample,
    engine_checks,
    layer_checks,
    method_checks,
    saliency_checks,
    sample_model,
)

NET = """\
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer { name: "maps" type: "Convolution" bottom: "data" top: "maps"
        convolution_param { num_output: 12 kernel_size: 1 } }
layer { name: "larger" type: "PixelShuffle" bottom: "maps" top: "picture"
        pixel_shuffle_param { factor: 2 } }
layer { name: "end" type: "Convolution" bottom: "picture" top: "end"
        convolution_param { num_output: 2 kernel_size: 3 } }
"""
DENSE = """layer { name: "one" type: "InnerProduct" bottom: "data" top: "one"
        inner_product_param { num_output: 12 } }"""
PRUNED = MethodExample(sample_model(DENSE), ns.Edit("one", "magnitude", {"share": 0.75}))
CHECKS = [
    pytest.param(check, id=f"{kind}-{name}")
    for kind, checks in (
        ("layer", layer_checks("PixelShuffle", NET)),
        ("method", method_checks("magnitude", [PRUNED])),
        ("engine", engine_checks(engine("numpy"))),
        ("saliency", saliency_checks("relative")),
    )
    for name, check in checks
]


@pytest.mark.parametrize("check", CHECKS)
def test_it_keeps_the_contracts(check) -> None:
    check()


def test_the_mask_closes_the_smallest_weights() -> None:
    before = PRUNED.model.blobs("one")[0].array()
    blob = PRUNED.surgery.model.blobs("one")[0]
    assert np.count_nonzero(blob.array()) == blob.mask.sum() == before.size // 4
    assert np.abs(before[blob.mask]).min() >= np.abs(before[~blob.mask]).max()


def test_the_largest_of_a_row_and_of_a_column_outlive_others() -> None:
    scores = relative(np.array([[8.0, 2.0], [0.1, 0.3]]))
    np.testing.assert_allclose(
        scores,
        [[8 / 10 + 8 / 8.1, 2 / 10 + 2 / 2.3], [0.1 / 0.4 + 0.1 / 8.1, 0.3 / 0.4 + 0.3 / 2.3]],
    )


def test_a_wrong_share_is_told_in_a_line() -> None:
    plan = ns.Plan((ns.Edit("one", "magnitude", {"share": 2}),))
    with pytest.raises(ns.NetsurgeryError, match="'one': share 2 is not from 0 to 1"):
        ns.apply(PRUNED.model, plan)


def test_the_engine_runs_the_layer() -> None:
    text = """
    layer { name: "data" type: "Input" top: "data"
            input_param { shape { dim: 1 dim: 4 dim: 1 dim: 2 } } }
    layer { name: "larger" type: "PixelShuffle" bottom: "data" top: "out"
            pixel_shuffle_param { factor: 2 } }
    layer { name: "fc" type: "InnerProduct" bottom: "out" top: "fc"
            inner_product_param { num_output: 1 bias_term: false } }
    """
    layer = LayerWeights("fc", None, (Blob.of(np.ones((1, 8))),))
    model = Model(Prototxt.parse(text.encode()), Weights.of([layer]))
    found = NumpySession(model).forward({"data": np.arange(8.0).reshape(1, 4, 1, 2)}, ["out", "fc"])
    assert found["out"].tolist() == [[[[0, 2, 1, 3], [4, 6, 5, 7]]]]
    assert found["fc"].tolist() == [[28]]
