"""Models in float16 stay so, and what that rounds is neither hidden nor taken for an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_models import make_model, two_layers

from netsurgery.engine import engine as engine_named
from netsurgery.errors import FormatError
from netsurgery.formats.convert import convert_weights
from netsurgery.formats.weights import Blob, LayerWeights, Weights
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.methods import Edit
from netsurgery.network.model import Model, load
from netsurgery.planning import Plan
from netsurgery.planning.fold import plan_folds
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thinning import ThinSpec, plan_thin
from netsurgery.surgery import operate

CONV = """\
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 4 dim: 9 dim: 9 } } }
layer { name: "c1" type: "Convolution" bottom: "x" top: "c1"
        convolution_param { num_output: 24 kernel_size: 3 bias_term: false } }
layer { name: "b1" type: "BatchNorm" bottom: "c1" top: "c1" }
layer { name: "s1" type: "Scale" bottom: "c1" top: "c1" scale_param { bias_term: true } }
layer { name: "r1" type: "ReLU" bottom: "c1" top: "c1" }
layer { name: "c2" type: "Convolution" bottom: "c1" top: "c2"
        convolution_param { num_output: 24 kernel_size: 3 } }
layer { name: "ip" type: "InnerProduct" bottom: "c2" top: "ip"
        inner_product_param { num_output: 20 } }
"""


def conv_net(scale: float = 1.0) -> Model:
    random = np.random.default_rng(3)
    return make_model(
        CONV,
        {
            "c1": [scale * random.normal(size=(24, 4, 3, 3))],
            "b1": [random.normal(size=24), random.uniform(0.5, 2, 24), [1.0]],
            "s1": [random.uniform(0.5, 2, 24), random.normal(size=24)],
            "c2": [random.normal(size=(24, 24, 3, 3)) / 15, random.normal(size=24)],
            "ip": [random.normal(size=(20, 24 * 25)) / 25, random.normal(size=20)],
        },
    )


def in_half(model: Model, format: str, folder: Path) -> Model:  # noqa: A002
    assert model.weights is not None
    folder.mkdir()
    ending = {"caffemodel": "caffemodel", "hdf5": "caffemodel.h5"}[format]
    (folder / "net.prototxt").write_bytes(model.prototxt.data)
    weights = convert_weights(model.weights, format)
    # Statistics of a BatchNorm too, as NVIDIA's own converter does it.
    layers = [
        LayerWeights(layer.name, layer.type, tuple(blob.rounded("<f2") for blob in layer.blobs))
        for layer in weights.layers
    ]
    Weights(layers, format=format).write(folder / f"net.{ending}")
    return load(folder / "net.prototxt", folder / f"net.{ending}")


PLANS = {
    "svd": lambda model: Plan((Edit("ip", "svd", {"rank": 6}),)),
    "split": lambda model: Plan((Edit("ip", "svd", {"rank": 9, "split": "sqrt"}),)),
    "full rank": lambda model: Plan((Edit("ip", "svd", {"rank": 20}),)),
    "channel_svd": lambda model: Plan((Edit("c2", "channel_svd", {"rank": 8}),)),
    "tucker": lambda model: Plan((Edit("c2", "tucker", {"rank": [9, 7]}),)),
    "tensor_train": lambda model: Plan((Edit("ip", "tensor_train", {"rank": [4]}),)),
    "fold": plan_folds,
    "thin": lambda model: plan_thin(model, ThinSpec([parse_rule("keep", "0.5")])),
    "two edits": lambda model: Plan(
        (*plan_folds(model).edits, Edit("c1", "channel_svd", {"rank": 9}))
    ),
}


@pytest.mark.parametrize("format", ["caffemodel", "hdf5"])
@pytest.mark.parametrize("plan", PLANS)
def test_every_new_blob_is_float16_and_the_rounding_is_explained(
    plan: str,
    format: str,  # noqa: A002
    tmp_path: Path,
) -> None:
    if format == "hdf5":
        pytest.importorskip("h5py")
    model = in_half(conv_net(), format, tmp_path / "in")
    made = PLANS[plan](model)
    done = write_proved(model, made, tmp_path / "out", Proof(wanted=False))
    written = load(*done.files[:2])
    assert {blob.storage for layer in written.weights.layers for blob in layer.blobs} == {"float16"}
    if plan not in ("full rank", "two edits"):
        assert done.sizes[1] < done.sizes[0]
    assert not done.reasons
    # What is in memory is what is in the file.
    memory = done.surgery.model.weights
    for layer in written.weights.layers:
        for ours, theirs in zip(memory.blobs(layer.name), layer.blobs):
            assert np.array_equal(ours.array(), theirs.array())
    for row in done.layers:
        if row.predicted is not None and plan in ("svd", "split", "full rank", "channel_svd"):
            # Two factors, each rounded by at most 2**-11 of its numbers; the triangle inequality.
            assert 0 < row.rounding < 2 * 2.0**-11 * np.sqrt(20)
            assert abs(row.measured - row.predicted) <= row.rounding + 1e-6


@pytest.mark.parametrize("plan", ["svd", "full rank", "fold", "thin"])
def test_engines_find_the_twin_of_a_float16_model(plan: str, engine: str, tmp_path: Path) -> None:
    model = in_half(conv_net(), "caffemodel", tmp_path / "in")
    proof = Proof(engine=engine_named(engine), count=4)
    done = write_proved(model, PLANS[plan](model), tmp_path / "out", proof)
    assert done.equality is not None
    assert not done.reasons


def test_what_float16_cannot_hold_stays_float32(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    text = conv_net().prototxt
    model = conv_net()
    # Folded into the convolution, these factors leave the range of float16.
    layers = {layer.name: layer for layer in model.weights.layers}
    gamma = Blob.of(random.uniform(5e4, 6e4, 24)).rounded("<f2")
    layers["s1"] = LayerWeights("s1", None, (gamma, layers["s1"].blobs[1]))
    given = in_half(Model(text, Weights.of(layers.values())), "caffemodel", tmp_path / "in")
    surgery = operate(given, plan_folds(given))
    assert surgery.model.blobs("c1")[0].storage == "float32"
    assert np.isfinite(surgery.model.blobs("c1")[0].array()).all()
    assert [blob.storage for blob in surgery.model.blobs("c2")] == ["float16"] * 2


def test_files_of_float32_are_not_rounded() -> None:
    surgery = operate(two_layers(), Plan((Edit("fc6", "svd", {"rank": 4}),)))
    assert surgery.rounding() == {}
    assert {b.storage for x in surgery.model.weights.layers for b in x.blobs} == {"float32"}


def test_pycaffe_is_not_asked_to_write_what_it_cannot_read(tmp_path: Path, caffe: str) -> None:
    model = in_half(conv_net(), "caffemodel", tmp_path / "in")
    with pytest.raises(FormatError, match=r"'c1': is in float16, .* leave out `writer`"):
        write_proved(model, PLANS["svd"](model), tmp_path / "out", writer=engine_named(caffe))
    assert not (tmp_path / "out").exists()
