"""Real models and real data, in real Caffe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Callable

import numpy as np
import pytest

from netsurgery.calibration import Inputs, Preprocessing, input_shapes, read_inputs
from netsurgery.formats.weights import Blob
from netsurgery.methods import Edit, method
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import apply
from netsurgery.verification import verify

Load = Callable[[str], Model]


@pytest.mark.parametrize("name", ["cifar10_quick_h5", "resnet20_cifar10", "hyperlpr_char"])
def test_noise_of_real_models(name: str, caffe: str, model: Load) -> None:
    found = verify(model(name), model(name), engine=caffe, expect="exact", blobs="common")
    assert found, found.reasons
    assert found.error == 0
    # Measured: 1e-7 to 1e-5; a thousandth would be no noise any more.
    assert all(2**-30 < row.noise.error < 1e-3 for row in found.blobs)


def test_full_rank_is_float_noise_in_every_channel(opencv: str, model: Load) -> None:
    """In one channel of `flatten_1` a ReLU leaves so little that its noise is luck."""
    plates = model("hyperlpr_char")
    names = [one.name for one in plates.network().layers if one.type == "InnerProduct"]
    ranks = {name: method("svd").tradeoff(plates, name).full[0] for name in names}
    plan = Plan(tuple(Edit(name, "svd", {"rank": rank}) for name, rank in ranks.items()))
    found = verify(plates, apply(plates, plan), engine=opencv, expect="exact", blobs="common")
    assert found, found.reasons


def test_every_head_of_a_detector_stage(caffe: str, model: Load) -> None:
    found = verify(model("mtcnn_det3"), model("mtcnn_det3"), engine=caffe)
    kinds = {row.blob: row.kind for row in found.blobs}
    # Only the Softmax holds classes; the others, of the same form, are coordinates.
    assert kinds == {"conv6-2": "values", "conv6-3": "values", "prob1": "classes"}
    assert all(row.output for row in found.blobs)


@pytest.fixture(scope="module")
def mnist(shared: Path) -> Inputs:
    """All of MNIST's test images, scaled as the zoo's index says."""
    with np.load(shared / "data" / "mnist_t10k.npz") as archive:
        images = archive["images"][:, None] / np.float32(256)
        return Inputs({"data": images}, archive["labels"], "mnist_t10k.npz")


def test_accuracies_of_a_pruned_pair(caffe: str, model: Load, mnist: Inputs) -> None:
    dense, sparse = model("dns_lenet300100"), model("dns_lenet300100 sparse")
    # Its derived prototxt has a Softmax of the layer before the classes as a second output.
    found = verify(dense, sparse, inputs=mnist, engine=caffe, min_agreement=0.99, output="ip3")
    assert found, found.reasons
    assert found.accuracy.count == found.samples == 10_000
    # The index of the zoo has these figures, measured with pycaffe alone.
    assert (found.accuracy.before, found.accuracy.after) == (0.9772, 0.9801)
    assert found.accuracy.before_top5 > 0.99


def test_accuracy_of_lenet(caffe: str, model: Load, mnist: Inputs) -> None:
    lenet = model("lenet_ethereon")
    found = verify(lenet, lenet, inputs=mnist, engine=caffe)
    assert found.accuracy.before == found.accuracy.after == 0.9914


def test_detections(opencv: str, model: Load, shared: Path) -> None:
    faces = model("yufacedetect_v1")
    flags = Preprocessing(mean=(104.0, 117.0, 123.0))
    photos = [shared / "data" / "images" / f"office{i}.jpg" for i in (1, 5)]
    inputs = read_inputs(photos, input_shapes(faces.network()), preprocessing=flags)
    found = verify(faces, faces, inputs=inputs, engine=opencv, expect="exact")
    assert found, found.reasons
    (output,) = (row for row in found.blobs if row.output)
    assert [row.error for row in found.blobs if not row.output] == [0, 0], "its boxes and scores"
    assert (output.kind, output.agreement, output.noise.agreement) == ("detections", 1, 1)
    assert output.largest > 0.5
    assert verify(faces, coarser(faces), inputs=inputs, engine=opencv).agreement < 1


def coarser(model: Model) -> Model:
    """The same model with half of the first layer's weights lost."""
    (name, *_) = (layer.name for layer in model.network().layers if layer.type == "Convolution")
    (layer,) = model.weights.find(name)
    weights = layer.blobs[0].array().copy()
    weights[np.abs(weights) < np.quantile(np.abs(weights), 0.5)] = 0
    blobs = (Blob.of(weights), *layer.blobs[1:])
    return Model(model.prototxt, model.weights.replace({name: [replace(layer, blobs=blobs)]}))
