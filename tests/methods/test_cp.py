from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from caffe_runs import assert_equal, run
from small_models import make_model

from netsurgery.errors import PlanError
from netsurgery.methods import Edit, low_rank_method
from netsurgery.network import total_cost
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import apply, operate

# Four products in a row of some hundred terms in float32.
FLOAT_NOISE = 1e-5
INPUT = 'input: "data" input_shape { dim: 2 dim: 6 dim: 11 dim: 12 }\n'
# name: (convolution_param without num_output, kernel)
VARIANTS = {
    "plain": ("kernel_size: 3", (3, 3)),
    "no bias": ("kernel_size: 3 bias_term: false", (3, 3)),
    "padded": ("kernel_size: 5 pad: 2 stride: 2", (5, 5)),
    "high and wide": ("kernel_h: 3 kernel_w: 5 pad_h: 0 pad_w: 2 stride_h: 2 stride_w: 1", (3, 5)),
    "dilated": ("kernel_size: 3 dilation: 2 dilation: 1 pad: 1", (3, 3)),
    "pointwise": ("kernel_size: 1", (1, 1)),
    "groups": ("kernel_h: 3 kernel_w: 4 group: 2 stride: 2", (3, 4)),
}
RANK = 2


def net(planted: bool = False, version: str = "V2") -> Model:
    """A convolution of each kind, side by side."""
    random = np.random.default_rng(0)
    text, blobs = INPUT, {}
    for name, (parameter, kernel) in VARIANTS.items():
        text += (
            f'layer {{ name: "{name}" type: "Convolution" bottom: "data" top: "{name}" '
            f"convolution_param {{ num_output: 8 {parameter} }} }}\n"
        )
        groups = 2 if "group" in parameter else 1
        shape = (8 // groups, 6 // groups, *kernel)
        parts = [random.normal(size=shape) for _ in range(groups)]
        if planted:
            parts = [
                np.einsum("nr,cr,yr,xr->ncyx", *(random.normal(size=(size, 1)) for size in shape))
                for _ in range(groups)
            ]
        weights = np.concatenate(parts)
        blobs[name] = [weights, random.normal(size=8)][: 1 if "false" in parameter else 2]
    return make_model(text, blobs, version)


def every_edit(rank: int) -> Plan:
    return Plan(tuple(Edit(name, "cp", {"rank": rank}) for name in VARIANTS))


def test_four_layers_compute_what_their_product_does_in_real_caffe(
    tmp_path: Path, caffe_python: str
) -> None:
    surgery = operate(net(), every_edit(RANK))
    after = run(surgery.model, tmp_path, caffe_python)
    assert_equal(run(surgery.twin(), tmp_path, caffe_python), after, FLOAT_NOISE)
    measured = surgery.errors(surgery.twin())
    for name, error in surgery.predicted_errors().items():
        assert measured[name] == pytest.approx(error, rel=1e-4)
        assert 0.1 < error < 1


def test_a_kernel_of_that_rank_is_met_exactly_in_real_caffe(
    tmp_path: Path, caffe_python: str
) -> None:
    model = net(planted=True)
    after = apply(model, every_edit(1))
    expected = run(model, tmp_path, caffe_python)
    assert_equal(expected, run(after, tmp_path, caffe_python), FLOAT_NOISE)


def test_the_same_edit_gives_the_same_bytes() -> None:
    first, second = (apply(net(), every_edit(RANK)).blobs("plain_V") for _ in range(2))
    assert first[0].array().tobytes() == second[0].array().tobytes()


@pytest.mark.parametrize(
    ("parameter", "shape", "rank", "problem"),
    [
        ("kernel_size: 3 group: 2", (8, 3, 3, 3), 28, "from 1 to 27"),
        ("kernel_size: 3", (8, 6, 3, 3), 55, "from 1 to 54"),
        ("kernel_size: 3", (8, 6, 3, 3), 0, "not a whole number"),
        ("kernel_size: 3", (8, 6, 3, 3), None, "not a whole number"),
    ],
)
def test_what_cannot_be_is_refused(parameter: str, shape: tuple, rank: int, problem: str) -> None:
    model = make_model(
        INPUT + 'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
        f"convolution_param {{ num_output: 8 {parameter} }} }}",
        {"conv": [np.ones(shape), np.zeros(8)]},
    )
    with pytest.raises(PlanError, match=problem):
        apply(model, Plan((Edit("conv", "cp", {"rank": rank}),)))


@pytest.mark.parametrize("rank", [1, 3, 27])
def test_groups_have_a_rank_each_and_cost_what_is_stated(rank: int) -> None:
    text = INPUT + (
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" '
        "convolution_param { num_output: 8 kernel_size: 3 group: 2 bias_term: false } }"
    )
    kernel = np.random.default_rng(0).normal(size=(8, 3, 3, 3))
    kernel[4:] *= 3
    model = make_model(text, {"conv": [kernel]})
    tradeoff = low_rank_method("cp").tradeoff(model, "conv")
    assert tradeoff.full == (27,)
    surgery = operate(model, Plan((Edit("conv", "cp", {"rank": rank}),)))
    cost = total_cost(surgery.model)
    assert tradeoff.macs is not None
    assert (cost.params, cost.macs) == (tradeoff.weights.at((rank,)), tradeoff.macs.at((rank,)))
    error = surgery.errors(surgery.twin())["conv"]
    assert surgery.predicted_errors()["conv"] == pytest.approx(error, rel=1e-4, abs=1e-6)
    assert tradeoff.fitted((rank,)) == pytest.approx(error**2, rel=1e-4, abs=1e-6)
