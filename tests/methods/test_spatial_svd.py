"""How a window is taken apart, and the second half of it fitted again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from convolution_nets import small_net

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.engine import Engine
from netsurgery.formats.caffemodel.binaryproto import read_mean
from netsurgery.methods import Edit
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.surgery import apply, operate


def windows(fields: str, *kernel: int) -> list[set[str]]:
    """What the two layers say of their windows."""
    model = small_net(f"num_output: 4 bias_term: false {fields}", np.ones((4, 4, *kernel)))
    thin = apply(model, Plan((Edit("conv", "spatial_svd", {"rank": 1}),)))
    texts = [str(layer.parameter.convolution_param) for layer in thin.prototxt.layers]
    own = ("kernel", "stride", "pad", "dilation")
    return [{line for line in text.split("\n") if line.startswith(own)} for text in texts]


def test_each_half_runs_over_one_axis_and_steps_along_it() -> None:
    high, wide = {"kernel_h: 3", "kernel_w: 1"}, {"kernel_h: 1", "kernel_w: 3"}
    assert windows("kernel_size: 3", 3, 3) == [high, wide]
    assert windows("kernel_h: 3 kernel_w: 3 stride: 2 pad_h: 1 pad_w: 0", 3, 3) == [
        high | {"stride_h: 2", "stride_w: 1", "pad_h: 1", "pad_w: 0"},
        wide | {"stride_h: 1", "stride_w: 2"},
    ]
    assert windows("kernel_size: 3 dilation: 2 dilation: 1 pad: 2", 3, 3) == [
        high | {"dilation: 2", "dilation: 1", "pad_h: 2", "pad_w: 0"},
        wide | {"pad_h: 0", "pad_w: 2"},
    ]


@pytest.fixture(scope="module")
def images(shared: Path, zoo: Path) -> np.ndarray:
    """Test images of CIFAR-10, without the mean image."""
    mean = read_mean(zoo / "cifar10_quick_h5" / "mean.binaryproto")
    return np.load(shared / "data" / "cifar10.npz")["test_images"][:60] - mean


@pytest.fixture(scope="module")
def trained(zoo: Path) -> Model:
    folder = zoo / "cifar10_full_everpeace"
    return load(folder / "deploy.prototxt", folder / "cifar10_full_iter_70000.caffemodel")


def behind(model: Model, images: np.ndarray, folder: Path, caffe: Engine) -> np.ndarray:
    """What the net holds behind its second convolution, for each image."""
    with caffe.open(*model.save(folder / "deploy.prototxt", folder / "net.caffemodel")) as session:
        made = [session.forward({"data": image[None]}, ["pool2"])["pool2"] for image in images]
    return np.concatenate(made)


@pytest.mark.parametrize(
    ("method", "rank"), [("spatial_svd", 20), ("tucker", [12, 12]), ("channel_svd", 8)]
)
def test_fitting_the_last_layer_again_mends_outputs_on_real_images(
    method: str,
    rank: object,
    trained: Model,
    images: np.ndarray,
    tmp_path: Path,
    quick_caffe: Engine,
) -> None:
    calibrator = Calibrator(Inputs({"data": images[:40]}), quick_caffe)
    edits = (Edit("conv2", method, {"rank": rank}), Edit("conv2_U", "refit"))
    plain = operate(trained, Plan(edits[:1]))
    mended = operate(trained, Plan(edits), calibrator)
    held_out = images[40:]
    before = behind(trained, held_out, tmp_path, quick_caffe)
    errors = [
        np.linalg.norm(behind(one.model, held_out, tmp_path, quick_caffe) - before)
        for one in (plain, mended)
    ]
    assert errors[1] < 0.95 * errors[0]
    # The weights are further from the original's than the first edit states.
    assert mended.predicted_errors() == {}
    twin = behind(mended.twin(), held_out[:5], tmp_path, quick_caffe)
    after = behind(mended.model, held_out[:5], tmp_path, quick_caffe)
    assert np.abs(twin - after).max() < 1e-5 * np.abs(twin).max()
