"""Layers of predicted weights: what they make, what they cost, and which they cannot be."""

from __future__ import annotations

from typing import Optional

import numpy as np
import pytest
from convolution_nets import small_net
from small_models import make_model

from netsurgery.calibration import Inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.engine import Engine
from netsurgery.errors import PlanError
from netsurgery.linalg import ridge_dictionary, spread_places, squared_exponential, with_ridge
from netsurgery.methods import Edit, kernel_ridge as module, low_rank_method, method
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import Surgery, operate
from netsurgery.testing import method_checks

SAMPLES = 12
NOISE = 1e-5
"""Numbers are stored in float32, and sums are of some tens of them."""


@pytest.mark.parametrize(
    "check", [pytest.param(check, id=name) for name, check in method_checks("kernel_ridge")]
)
def test_it_keeps_the_contract_of_methods(check) -> None:
    check()


def convolved(groups: int = 1, channels: int = 2) -> Model:
    random = np.random.default_rng(2)
    kernel, bias = random.normal(size=(6, channels // groups, 3, 3)), random.normal(size=6)
    fields = f"num_output: 6 kernel_size: 3 group: {groups}"
    return small_net(fields, kernel, bias, size=(SAMPLES, channels, 5, 5))


def dense(transpose: bool = False) -> Model:
    random = np.random.default_rng(3)
    weights, bias = random.normal(size=(5, 2 * 4 * 4)), random.normal(size=5)
    text = (
        f'input: "x" input_shape {{ dim: {SAMPLES} dim: 2 dim: 4 dim: 4 }}\n'
        'layer { name: "fc" type: "InnerProduct" bottom: "x" top: "fc" inner_product_param '
        f"{{ num_output: 5 transpose: {str(transpose).lower()} }} }}\n"
    )
    return make_model(text, {"fc": [weights.T if transpose else weights, bias]})


def paired(model: Model, calibrator: Optional[Calibrator] = None, **options: object) -> Surgery:
    edit = Edit(model.prototxt.layers[-1].name, "kernel_ridge", options)
    return operate(model, Plan((edit,)), calibrator)


def factors(surgery: Surgery) -> tuple:
    """U and V of the pair, flat."""
    names = [layer.name for layer in surgery.model.prototxt.layers][-2:]
    first, second = (surgery.model.blobs(name)[0].array(np.float64) for name in names)
    return first.reshape(len(first), -1), second.reshape(len(second), -1)


@pytest.mark.parametrize("transpose", [False, True])
def test_an_inner_product_over_a_map_is_predicted_by_places(transpose: bool) -> None:
    """Rank 6 of two channels: three places each, that predict the map by kernel ridge."""
    plain = paired(dense(transpose), rank=6)
    right, left = factors(plain)
    assert (right.shape, left.shape) == ((6, 32), (5, 6))
    kernels = (squared_exponential((4, 4), scale) for scale in (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0))
    wanted = [ridge_dictionary(one, spread_places(one, 3)[0]) for one in kernels]
    for channel in range(2):
        rows = right.reshape(6, 2, 16)[:, channel]
        rows = rows[rows.any(axis=1)]
        assert any(np.allclose(rows, one, rtol=0, atol=NOISE) for one in wanted)
    weights = dense().blobs("fc")[0].array(np.float64)
    best = np.linalg.lstsq(right.T, weights.T, rcond=None)[0].T
    assert np.allclose(left, best, rtol=0, atol=NOISE)


def test_a_convolution_is_predicted_by_places_of_its_window_in_each_group() -> None:
    right, left = factors(paired(convolved(groups=2, channels=4), rank=5))
    assert (right.shape, left.shape) == ((10, 2 * 9), (6, 5))


def test_the_weights_have_no_say_in_the_dictionary_but_for_order_and_scale() -> None:
    model = convolved(channels=1)
    kernel, bias = (blob.array() for blob in model.blobs("conv"))
    size = (SAMPLES, 1, 5, 5)
    other = small_net("num_output: 6 kernel_size: 3", 3 * kernel[::-1], bias, size=size)
    one, two = (factors(paired(net, rank=4))[0] for net in (model, other))
    assert np.array_equal(one, two)


def test_what_the_planner_expects_is_what_comes() -> None:
    for model in (convolved(groups=2, channels=4), dense()):
        name = model.prototxt.layers[-1].name
        tradeoff = low_rank_method("kernel_ridge").tradeoff(model, name)
        for rank in (1, 3, tradeoff.full[0]):
            surgery = paired(model, rank=rank)
            (error,) = surgery.errors(surgery.twin()).values()
            assert error**2 == pytest.approx(tradeoff.lost((rank,)), abs=NOISE)


def inputs(*shape: int) -> np.ndarray:
    """Samples of which the entries go together."""
    random = np.random.default_rng(5)
    size = int(np.prod(shape))
    mixing = random.normal(size=(size, size)) * 0.6 ** np.arange(size)
    return (random.normal(size=(SAMPLES, size)) @ mixing.T).reshape(SAMPLES, *shape)


def test_with_inputs_what_goes_together_is_alike(caffe: Engine) -> None:
    samples = inputs(2, 4, 4).astype(np.float32)
    calibrator = Calibrator(Inputs({"x": samples}), caffe)
    surgery = paired(dense(), calibrator, rank=4, fit="data")
    right, left = factors(surgery)
    rows = samples.reshape(SAMPLES, -1).astype(np.float64)
    kernel = with_ridge(rows.T @ rows / SAMPLES)
    assert np.allclose(right, ridge_dictionary(kernel, spread_places(kernel, 4)[0]), atol=1e-4)
    weights = dense().blobs("fc")[0].array(np.float64)

    away = (weights - left @ right) @ kernel
    assert np.abs(away @ right.T).max() < 1e-4 * np.abs(weights @ kernel).max()
    by_places = paired(dense(), rank=4)
    errors = []
    for made in (surgery, by_places):
        first, second = factors(made)
        errors.append(np.linalg.norm(rows @ (weights - second @ first).T))
    assert errors[0] < 0.5 * errors[1]


def test_a_convolution_sees_its_windows(caffe: Engine) -> None:
    samples = inputs(2, 5, 5).astype(np.float32)
    calibrator = Calibrator(Inputs({"x": samples}), caffe)
    right, _ = factors(paired(convolved(), calibrator, rank=5, fit="data"))
    assert right.shape == (5, 18)
    kept = (right == 1).any(axis=0) & (np.count_nonzero(right, axis=0) == 1)
    assert np.count_nonzero(kept) == 5  # which predict themselves
    assert paired(convolved(), calibrator, rank=18, fit="data").predicted_errors()["conv"] < NOISE


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"rank": 4, "fit": "data"}, "kernel_ridge needs inputs to fit to"),
        ({"rank": 4, "fit": "relu"}, "fit 'relu' is not one of none, data"),
        ({"rank": 0}, "rank 0 is not a whole number from 1 to 18"),
    ],
)
def test_what_cannot_be_is_a_line(options: dict, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        paired(convolved(), **options)


def test_layers_too_wide_for_a_kernel_are_refused(
    monkeypatch: pytest.MonkeyPatch, caffe: Engine
) -> None:
    monkeypatch.setattr(module, "WIDEST", 31)
    calibrator = Calibrator(Inputs({"x": inputs(2, 4, 4).astype(np.float32)}), caffe)
    with pytest.raises(PlanError, match="an output has 32 inputs, and kernel_ridge looks at all"):
        paired(dense(), calibrator, rank=4, fit="data")
    monkeypatch.setattr(module, "MOST_PLACES", 15)
    with pytest.raises(PlanError, match="a grid of 16 places; kernel_ridge takes 15"):
        paired(dense(), rank=4)


def test_other_layers_are_not_taken() -> None:
    assert method("kernel_ridge").taken == ("InnerProduct", "Convolution")
