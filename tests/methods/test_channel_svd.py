"""Layers fitted to what they make of calibration inputs: `channel_svd` and `svd`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from convolution_nets import convolution, furthest, run, small_net
from small_models import make_model

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.engine import Engine
from netsurgery.errors import PlanError
from netsurgery.methods import Edit
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate

SAMPLES = 16


def white() -> np.ndarray:
    """16 samples of 8 numbers whose mean is 0 and whose covariance is the identity."""
    hadamard = np.ones((1, 1))
    for _ in range(4):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    return hadamard[:, 1:9].astype(np.float32)


def coloured(*shape: int) -> np.ndarray:
    """Samples that lie near a few directions, away from 0."""
    random = np.random.default_rng(3)
    size = int(np.prod(shape))
    mixing = random.normal(size=(size, size)) * 0.7 ** np.arange(size)
    rows = random.normal(size=(SAMPLES, size)) @ mixing.T + 2 * random.normal(size=size)
    return rows.reshape(SAMPLES, *shape).astype(np.float32)


def fitted(
    model: Model, method: str, rank: int, samples: np.ndarray, caffe: Engine, fit: str = "data"
) -> Surgery:
    """The net with the last layer's weights factored for those inputs."""
    options = {"rank": rank, "fit": fit}
    edit = Edit(model.prototxt.layers[-1].name, method, options)
    return operate(model, Plan((edit,)), Calibrator(Inputs({"x": samples}), caffe))


def outputs(model: Model, samples: np.ndarray, folder: Path, caffe: Engine) -> np.ndarray:
    paths = model.save(folder / "deploy.prototxt", folder / "net.caffemodel")
    with caffe.open(*paths) as session:
        (found,) = session.forward({"x": samples}).values()
    return np.asarray(found, np.float64)


def inner_product(inputs: int, fields: str, *arrays: np.ndarray) -> Model:
    text = (
        f'input: "x" input_shape {{ dim: {SAMPLES} dim: {inputs} }}\n'
        'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" '
        f"inner_product_param {{ {fields} }} }}\n"
    )
    return make_model(text, {"fc": list(arrays)})


def one_layer(method: str, size: tuple, groups: int = 1, biased: bool = True) -> Model:
    """Eight outputs of a convolution (3 x 2) or InnerProduct, of inputs of that size."""
    random = np.random.default_rng(1)
    bias = [random.normal(size=8)] if biased else []
    fields = "num_output: 8" + ("" if biased else " bias_term: false")
    if method == "svd":
        inputs = int(np.prod(size))
        return inner_product(inputs, fields, random.normal(size=(8, inputs)), *bias)
    kernel = random.normal(size=(8, size[0] // groups, 2, 2))
    fields += f" group: {groups} kernel_size: 2"
    return small_net(fields, kernel, *bias, size=(SAMPLES, *size))


@pytest.mark.parametrize("fit", ["data", "asymmetric"])
@pytest.mark.parametrize(("method", "size"), [("svd", (8,)), ("channel_svd", (2, 2, 2))])
def test_for_white_inputs_the_fit_is_the_plain_one(
    method: str, size: tuple, fit: str, quick_caffe: Engine
) -> None:
    model = one_layer(method, size)
    samples = white().reshape(-1, *size)
    name = model.prototxt.layers[-1].name
    data = fitted(model, method, 3, samples, quick_caffe, fit)
    plain = operate(model, Plan((Edit(name, method, {"rank": 3}),)))
    for mine, other in zip(data.twin().blobs(name), plain.twin().blobs(name)):
        # float32 outputs, and eigenvectors of their covariance
        assert np.allclose(mine.array(), other.array(), atol=1e-5)


@pytest.mark.parametrize(
    ("method", "size", "groups", "biased"),
    [
        ("svd", (8,), 1, True),
        ("svd", (8,), 1, False),
        ("channel_svd", (4, 5, 4), 1, True),
        ("channel_svd", (4, 5, 4), 2, True),
        ("channel_svd", (4, 5, 4), 2, False),
    ],
)
def test_outputs_lose_what_the_fit_leaves_out_and_no_more(
    method: str, size: tuple, groups: int, biased: bool, tmp_path: Path, quick_caffe: Engine
) -> None:
    model, rank = one_layer(method, size, groups, biased), 2
    samples = coloured(*size)
    surgery = fitted(model, method, rank, samples, quick_caffe)
    before = outputs(model, samples, tmp_path, quick_caffe)
    rows = np.moveaxis(before, 1, -1).reshape(-1, groups, 8 // groups)
    lost = 0.0
    for group in np.moveaxis(rows, 1, 0):
        second = np.cov(group.T, bias=True) if biased else group.T @ group / len(group)
        lost += np.linalg.eigvalsh(second)[:-rank].sum()
    after = outputs(surgery.model, samples, tmp_path, quick_caffe)
    measured = ((after - before) ** 2).sum() / len(rows)
    assert measured == pytest.approx(lost, rel=1e-4)
    edit = Edit(surgery.steps[0].rewrite.edit.layer, method, {"rank": rank})
    plain = operate(model, Plan((edit,))).model
    worse = outputs(plain, samples, tmp_path, quick_caffe)
    assert measured < ((worse - before) ** 2).sum() / len(rows)
    assert surgery.predicted_errors() == pytest.approx(surgery.errors(surgery.twin()), rel=1e-5)


def test_a_fitted_pair_gives_what_its_product_gives(tmp_path: Path, quick_caffe: Engine) -> None:
    model = one_layer("channel_svd", (4, 5, 4), 2)
    surgery = fitted(model, "channel_svd", 2, coloured(4, 5, 4), quick_caffe)
    bias = surgery.twin().blobs("conv")[1].array()
    assert not np.allclose(bias, model.blobs("conv")[1].array(), atol=1e-2)
    before, after = (run(one, tmp_path, quick_caffe) for one in (surgery.twin(), surgery.model))
    assert furthest(before, after) < 5e-6  # float32 sums of 16 products, twice


def test_a_fit_at_full_rank_changes_nothing(tmp_path: Path, quick_caffe: Engine) -> None:
    model, samples = one_layer("channel_svd", (4, 5, 4)), coloured(4, 5, 4)
    surgery = fitted(model, "channel_svd", 8, samples, quick_caffe)
    before, after = (run(one, tmp_path, quick_caffe) for one in (model, surgery.model))
    assert furthest(before, after) < 5e-6


def test_a_fit_can_be_split_evenly(quick_caffe: Engine) -> None:
    model, samples = one_layer("svd", (8,)), coloured(8)
    calibrator = Calibrator(Inputs({"x": samples}), quick_caffe)
    options = {"rank": 3, "fit": "data", "split": "sqrt"}
    surgery = operate(model, Plan((Edit("fc", "svd", options),)), calibrator)
    first, second = (surgery.model.blobs(name)[0].array() for name in ("fc_L", "fc_U"))
    norms = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=0)
    assert np.allclose(*norms, rtol=1e-4)
    plain = fitted(model, "svd", 3, samples, quick_caffe)
    weights = [one.twin().blobs("fc")[0].array() for one in (surgery, plain)]
    assert np.allclose(*weights, atol=1e-5)


def test_a_fit_without_inputs_or_of_shared_weights_is_refused(quick_caffe: Engine) -> None:
    model = one_layer("svd", (8,))
    with pytest.raises(PlanError, match=r"svd needs inputs to fit to.*`calibrate`"):
        operate(model, Plan((Edit("fc", "svd", {"rank": 2, "fit": "data"}),)))
    with pytest.raises(PlanError, match="fit 'all' is not one of none, data, asymmetric, relu"):
        operate(model, Plan((Edit("fc", "svd", {"rank": 2, "fit": "all"}),)))
    text = model.prototxt.data.decode()
    layer = text[text.index("layer") :].replace("inner_product_param", 'param { name: "w" } $&', 1)
    layer = layer.replace("$&", "inner_product_param")
    twice = text[: text.index("layer")] + layer + layer.replace('"fc"', '"fc2"')
    arrays = [blob.array() for blob in model.blobs("fc")]
    shared = make_model(twice, {"fc": arrays, "fc2": arrays})
    with pytest.raises(PlanError, match="it shares its weights: it cannot be fitted to data"):
        fitted(shared, "svd", 2, coloured(8), quick_caffe)


def test_a_fit_looks_at_the_outputs_of_the_original(quick_caffe: Engine) -> None:
    """What an edit before has spoilt is not what the layer should keep."""
    random = np.random.default_rng(5)
    text = (
        f'input: "x" input_shape {{ dim: {SAMPLES} dim: 4 dim: 4 dim: 4 }}\n'
        + convolution("a", "x", "num_output: 6 kernel_size: 2")
        + convolution("b", "a", "num_output: 8 kernel_size: 2")
    )
    shapes = {"a": (6, 4, 2, 2), "b": (8, 6, 2, 2)}
    blobs = {
        name: [random.normal(size=shape), random.normal(size=shape[0])]
        for name, shape in shapes.items()
    }
    model, samples = make_model(text, blobs), coloured(4, 4, 4)
    alone = fitted(model, "channel_svd", 2, samples, quick_caffe)
    edits = (
        Edit("a", "channel_svd", {"rank": 1}),
        Edit("b", "channel_svd", {"rank": 2, "fit": "data"}),
    )
    behind = operate(model, Plan(edits), Calibrator(Inputs({"x": samples}), quick_caffe))
    for name in ("b_L", "b_U"):
        for one, other in zip(alone.model.blobs(name), behind.model.blobs(name)):
            assert np.array_equal(one.array(), other.array())
