from __future__ import annotations

import numpy as np
import pytest
from calibration_nets import CAPTIONER, CLASSIFIER, FAST_RCNN, declared, layer, network

from netsurgery.calibration import Inputs, batch_size, input_roles, input_shapes, random_inputs
from netsurgery.errors import NetsurgeryError


def test_the_same_seed_gives_the_same_values() -> None:
    net = network(CLASSIFIER)
    assert random_inputs(net, 3, seed=1).sha256 == random_inputs(net, 3, seed=1).sha256
    assert random_inputs(net, 3, seed=1).sha256 != random_inputs(net, 3, seed=2).sha256
    more = random_inputs(net, 5, seed=1).arrays["data"]
    np.testing.assert_array_equal(more[:3], random_inputs(net, 3, seed=1).arrays["data"])


def test_values_are_normal_at_growing_scales() -> None:
    data = random_inputs(network(declared("data", 1, 100, 100)), 9).arrays["data"]
    # The standard deviation of 10,000 values is known to 1/sqrt(2 * 10000) = 0.7%.
    scales = [1, 2, 4, 8, 16, 32, 64, 128, 1]
    np.testing.assert_allclose(data[:].std(axis=(1, 2)), scales, rtol=0.05)


def test_regions_lie_inside_the_image() -> None:
    inputs = random_inputs(network(FAST_RCNN), 20)
    assert inputs.whole_blobs
    assert inputs.arrays["data"].shape == (20, 1, 3, 60, 80)
    rois = inputs.arrays["rois"][:]
    assert rois.shape == (20, 8, 5)
    image, x1, y1, x2, y2 = np.moveaxis(rois, -1, 0)
    assert not image.any()
    assert (np.diff([np.zeros_like(x1), x1, x2, np.full_like(x1, 79)], axis=0) >= 0).all()
    assert (np.diff([np.zeros_like(y1), y1, y2, np.full_like(y1, 59)], axis=0) >= 0).all()
    assert x2.max() > 60


def test_regions_of_a_legacy_net_have_four_axes() -> None:
    text = FAST_RCNN.replace("dim: 1 dim: 5 ", "dim: 3 dim: 5 dim: 1 dim: 1 ")
    rois = random_inputs(network(text), 2).arrays["rois"]
    assert rois.shape == (2, 3, 5, 1, 1)
    assert not rois[:][:, :, 0].any()


def test_ids_and_sequence_marks() -> None:
    inputs = random_inputs(network(CAPTIONER), 6)
    assert inputs.whole_blobs
    words, cont = inputs.arrays["words"][:], inputs.arrays["cont"][:]
    assert words.shape == cont.shape == (6, 5, 2)
    assert set(np.unique(words)) <= set(range(11))
    assert not cont[:, 0].any()
    assert (cont[:, 1:] == 1).all()


def test_image_size_for_proposals() -> None:
    text = declared("data", 1, 3, 60, 80) + declared("im_info", 1, 3)
    text += layer("Python", "data im_info", "rois", 'python_param { module: "m" layer: "L" }')
    info = random_inputs(network(text), 2).arrays["im_info"]
    np.testing.assert_array_equal(info, np.tile([60, 80, 1], (2, 1, 1)))


def test_roles() -> None:
    net = network(FAST_RCNN)
    assert {name: role.name for name, role in input_roles(net, input_shapes(net)).items()} == {
        "data": "VALUES",
        "rois": "BOXES",
    }


def test_net_without_inputs() -> None:
    text = layer("DummyData", "", "data", "dummy_data_param { shape { dim: 1 } }")
    with pytest.raises(NetsurgeryError, match="no input to feed"):
        random_inputs(network(text))


def fed(count: int, *shape: int) -> Inputs:
    return Inputs({"data": np.zeros((count, *shape), dtype=np.float32)})


@pytest.mark.parametrize(
    ("layers", "size"),
    [
        (layer("ReLU", "data", "top"), 64),
        (layer("Pooling", "data", "top", "pooling_param { global_pooling: true }"), 64),
        (layer("Reshape", "data", "top", "reshape_param { shape { dim: -1 dim: 2 } }"), 64),
        (layer("Reshape", "data", "top", "reshape_param { shape { dim: 7 dim: -1 } }"), 64),
        (layer("Reshape", "data", "top", "reshape_param { shape { dim: 14 dim: -1 } }"), 7),
        (layer("Softmax", "data", "top", "softmax_param { axis: 0 }"), 7),
        (layer("Concat", "data data", "top", "concat_param { axis: 0 }"), 7),
        (layer("Concat", "data data", "top"), 64),
        (layer("Reduction", "data", "top", "reduction_param { axis: 0 }"), 7),
        (layer("BatchNorm", "data", "top"), 64),
        (
            layer("BatchNorm", "data", "top", "batch_norm_param { use_global_stats: false }"),
            7,
        ),
        (layer("SomethingNew", "data", "top"), 7),
    ],
)
def test_batch_grows_only_where_samples_stay_apart(layers: str, size: int) -> None:
    net = network(declared("data", 7, 4, 6, 6) + layers)
    assert batch_size(net, fed(100, 4, 6, 6)) == size


def test_batch_is_no_larger_than_the_samples() -> None:
    assert batch_size(network(CLASSIFIER), fed(3, 3, 8, 8)) == 3


def test_batch_is_kept_small_for_large_blobs() -> None:
    net = network(declared("data", 1, 3, 1000, 1000) + layer("ReLU", "data", "top"))
    # 24 MB a sample, with the input and the output.
    assert batch_size(net, fed(1, 3, 1000, 1000)) == 1
    assert (
        batch_size(net, Inputs({"data": np.broadcast_to(np.float32(0), (99, 3, 1000, 1000))})) == 11
    )


def test_whole_blobs_are_a_batch_each() -> None:
    net = network(FAST_RCNN)
    assert batch_size(net, random_inputs(net, 3)) == 1
