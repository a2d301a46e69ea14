"""Trained numbers go back into the net that is used, and nothing else moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import make_model, two_layers

from netsurgery.errors import EngineError
from netsurgery.network import load
from netsurgery.training.deployed import deployed_model, moved_layers

SHARING = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 2 dim: 3 } } }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        param { name: "w" } param { name: "b1" }
        inner_product_param { num_output: 3 } }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b"
        param { name: "w" } param { name: "b2" }
        inner_product_param { num_output: 3 } }
"""


def test_what_did_not_move_keeps_its_bytes(tmp_path: Path) -> None:
    model = load(*two_layers().save(tmp_path))
    same = [blob.array().copy() for blob in model.blobs("fc6")]
    moved = [blob.array() + 1 for blob in model.blobs("fc7")]
    after = deployed_model(model, {"fc6": same, "fc7": moved, "side_head": [np.zeros(3)]})
    assert after.weights is not None
    assert model.weights is not None
    assert after.weights.find("fc6")[0] is model.weights.find("fc6")[0]
    assert np.array_equal(after.blobs("fc7")[0].array(), model.blobs("fc7")[0].array() + 1)
    assert moved_layers(model, after) == ("fc7",)
    assert deployed_model(model, {"fc6": same}) is model


def test_a_blob_that_did_not_move_stays_beside_one_that_did() -> None:
    model = two_layers()
    weight, bias = model.blobs("fc7")
    after = deployed_model(model, {"fc7": [weight.array(), bias.array() + 1]})
    assert after.blobs("fc7")[0] is weight
    assert np.array_equal(after.blobs("fc7")[1].array(), bias.array() + 1)


def test_half_precision_is_stored_as_such() -> None:
    model = two_layers()
    assert model.weights is not None
    half = type(model)(model.prototxt, model.weights.halved())
    moved = [blob.array() + np.float32(1e-3) for blob in half.blobs("fc7")]
    after = deployed_model(half, {"fc7": moved})
    assert [blob.storage for blob in after.blobs("fc7")] == ["float16", "float16"]
    assert np.array_equal(after.blobs("fc7")[0].array(), np.float16(moved[0]).astype(np.float32))


def test_legacy_shapes_stay() -> None:
    model = two_layers()
    weight, bias = model.blobs("fc7")
    flat = [weight.array().reshape(-1) * 2, bias.array()]
    assert deployed_model(model, {"fc7": flat}).blobs("fc7")[0].shape == weight.shape


def test_layers_that_share_weights_hold_the_same_in_the_file() -> None:
    shared = np.arange(9.0).reshape(3, 3)
    model = make_model(SHARING, {"a": [shared, np.zeros(3)], "b": [shared, np.ones(3)]})
    after = deployed_model(model, {"a": [shared.astype(np.float32) * 2, np.zeros(3, np.float32)]})
    for layer in ("a", "b"):
        assert np.array_equal(after.blobs(layer)[0].array(), shared * 2)
    assert np.array_equal(after.blobs("b")[1].array(), np.ones(3))


def test_masks_are_carried_and_hold() -> None:
    model = two_layers()
    free = np.random.RandomState(0).uniform(size=(5, 32)) > 0.5
    moved = [blob.array() + 1 for blob in model.blobs("fc7")]
    blob = deployed_model(model, {"fc7": moved}, {("fc7", 0): free}).blobs("fc7")[0]
    assert blob.mask is not None
    assert np.array_equal(blob.mask, free)
    assert not blob.array()[~free].any()
    assert blob.array()[free].all()


@pytest.mark.parametrize(
    ("blobs", "problem"),
    [
        ([np.zeros((5, 32))], "has 2 blobs, and 1 where it was trained"),
        ([np.zeros((5, 31)), np.zeros(5)], r"shape \(5, 32\) came back .* with 155 numbers"),
    ],
)
def test_what_does_not_fit_is_named(blobs: list[np.ndarray], problem: str) -> None:
    with pytest.raises(EngineError, match=f"layer 'fc7': .*{problem}"):
        deployed_model(two_layers(), {"fc7": blobs})
