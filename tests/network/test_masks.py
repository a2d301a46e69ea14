"""Masks that stand behind weights: multiplied in, and gone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import TWO_LAYERS, make_model, two_layers

import netsurgery as ns
from netsurgery.errors import NetworkError
from netsurgery.network.doctor.fit import require_fit
from netsurgery.network.masks import without_masks
from netsurgery.network.model import Model, load

MASK = np.random.default_rng(0).integers(0, 2, (32, 48)).astype(np.float32)


def masked(*masks: np.ndarray) -> Model:
    """The two layers, of which the first has these blobs behind its own."""
    blobs = {layer.name: [b.array() for b in layer.blobs] for layer in two_layers().weights.layers}
    blobs["fc6"] += masks
    return make_model(TWO_LAYERS, blobs)


def test_weights_are_multiplied_and_masks_go() -> None:
    weights, bias = (blob.array() for blob in two_layers().blobs("fc6"))
    model = without_masks(masked(MASK))
    found = [blob.array() for blob in model.blobs("fc6")]
    assert np.array_equal(found[0], weights * MASK)
    assert np.array_equal(found[1], bias)
    assert len(found) == 2
    require_fit(model)


def test_a_mask_of_the_bias_too() -> None:
    open_half = (np.arange(32) % 2).astype(np.float32)
    found = without_masks(masked(MASK, open_half)).blobs("fc6")
    assert np.array_equal(found[1].array(), two_layers().blobs("fc6")[1].array() * open_half)


def test_what_a_solver_left_of_closed_gates_is_zero_and_open_ones_count_as_they_are() -> None:
    decayed = np.where(MASK == 1, np.float32(0.8945), np.float32(-1e-4))
    found = without_masks(masked(decayed)).blobs("fc6")[0].array()
    weights = two_layers().blobs("fc6")[0].array()
    assert np.array_equal(found, np.where(MASK == 1, weights * np.float32(0.8945), 0))


def test_a_model_without_masks_stays_as_it_is() -> None:
    model = two_layers()
    assert without_masks(model).weights.layers == model.weights.layers
    assert without_masks(Model(model.prototxt)).weights is None


def test_another_blob_of_that_shape_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"'fc6': has a blob .* which is no mask"):
        without_masks(masked(np.linspace(0, 1, MASK.size).reshape(MASK.shape)))


def test_a_blob_of_another_shape_is_left_to_the_doctor() -> None:
    with pytest.raises(NetworkError, match="2 blobs, but 3"):
        require_fit(without_masks(masked(np.ones((3, 3)))))


def test_a_real_net_with_masks(zoo: Path, caffe: str) -> None:
    """Its authors' masks keep 14, 5, 1.5 and 1.5% of the weights, by `upper_bound`."""
    folder = zoo / "autopruning_lenet"
    model = load(folder / "deploy.prototxt", folder / "pruning_iter_35000.caffemodel")
    bare = without_masks(model)
    require_fit(bare)
    kept = [
        float(np.mean(bare.blobs(name)[0].array() != 0))
        for name in ("conv1", "conv2", "ip1", "ip2")
    ]
    assert np.all(np.array(kept) < [0.15, 0.06, 0.03, 0.03])
    # The fork multiplies by the masks as they are, with 1e-4 in the place of 0.
    plain = model.weights.replace(
        {
            layer.name: [type(layer)(layer.name, None, _as_the_fork(layer.blobs))]
            for layer in model.weights.layers
            if len(layer.blobs) == 3
        }
    )
    done = ns.verify(
        Model(model.prototxt, plain), bare, ns.VerifyRequest(engine="caffe", max_error=1e-2)
    )
    assert done, done.reasons


def _as_the_fork(blobs: tuple) -> tuple:
    weights, bias, mask = blobs
    return weights.filled(weights.array() * mask.array()), bias
