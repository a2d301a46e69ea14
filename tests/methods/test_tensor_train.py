from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from caffe_runs import assert_equal, run
from small_models import make_model

from netsurgery.errors import PlanError
from netsurgery.formats.upgrade.upgrade import downgrade_layers
from netsurgery.methods import Edit
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import apply, operate

# Three products in a row of some hundred terms in float32.
FLOAT_NOISE = 1e-5
INPUT = 'input: "data" input_shape { dim: 3 dim: 4 dim: 5 dim: 6 }\n'
# name: (inner_product_param without num_output, options)
VARIANTS = {
    "default": ("", {"rank": 2}),
    "no bias": ("bias_term: false", {"rank": 2}),
    "transposed": ("transpose: true", {"rank": 2}),
    "channels by places": ("", {"outputs": [4, 6], "inputs": [4, 30], "rank": 3}),
    "three cores": ("", {"outputs": [2, 3, 4], "inputs": [4, 5, 6], "rank": [2, 3]}),
    "four cores": ("", {"outputs": [2, 3, 2, 2], "inputs": [2, 2, 5, 6], "rank": [1, 3, 2]}),
}


def net(rank: int = 100) -> Model:
    """InnerProduct layers whose weights, by their own digits, have these ranks at most."""
    random = np.random.default_rng(0)
    text, blobs = INPUT, {}
    for name, (parameter, _) in VARIANTS.items():
        text += (
            f'layer {{ name: "{name}" type: "InnerProduct" bottom: "data" top: "{name}" '
            f"param {{ lr_mult: 3 }} inner_product_param {{ num_output: 24 {parameter} }} }}\n"
        )
        weights = random.normal(size=(24, 120))
        weights = weights.T if "transpose" in parameter else weights
        blobs[name] = [weights, random.normal(size=24)][: 1 if "false" in parameter else 2]
    return make_model(text, blobs)


def every_edit(**options: object) -> Plan:
    return Plan(
        tuple(Edit(name, "tensor_train", {**own, **options}) for name, (_, own) in VARIANTS.items())
    )


def test_a_train_computes_what_its_product_does_in_real_caffe(
    tmp_path: Path, caffe_python: str
) -> None:
    surgery = operate(net(), every_edit())
    after = run(surgery.model, tmp_path, caffe_python)
    assert_equal(run(surgery.twin(), tmp_path, caffe_python), after, FLOAT_NOISE)
    measured = surgery.errors(surgery.twin())
    for name, error in surgery.predicted_errors().items():
        assert measured[name] == pytest.approx(error, rel=1e-4)
        assert error > 0.3


def test_full_rank_is_exact_in_real_caffe(tmp_path: Path, caffe_python: str) -> None:
    """Of a matrix that is a train of small rank."""
    small = operate(net(), every_edit())
    exact = small.twin()
    again = apply(exact, every_edit())
    before = run(exact, tmp_path, caffe_python)
    assert_equal(before, run(again, tmp_path, caffe_python), FLOAT_NOISE)


def test_the_train_keeps_top_multipliers_and_rules() -> None:
    model = make_model(
        INPUT + 'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "out" '
        "include { phase: TEST } param { lr_mult: 3 name: 'w' } param { lr_mult: 5 } "
        "inner_product_param { num_output: 24 } }",
        {"fc": [np.ones((24, 120)), np.zeros(24)]},
    )
    made = apply(model, Plan((Edit("fc", "tensor_train", {"rank": 1}),)))
    names = [(layer.name, layer.type) for layer in made.prototxt.layers]
    assert names == [
        ("fc_tt1_in", "Reshape"),
        ("fc_tt1", "Convolution"),
        ("fc_tt2_in", "Reshape"),
        ("fc_tt2", "Convolution"),
        ("fc_tt_out", "Reshape"),
        ("fc_tt_bias", "Scale"),
    ]
    assert made.prototxt.layers[-1].tops == ("out",)
    rates = [[one.lr_mult for one in layer.parameter.param] for layer in made.prototxt.layers]
    assert rates == [[], [3], [], [3], [], [0, 5]]
    assert all(len(layer.parameter.include) == 1 for layer in made.prototxt.layers)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "rank None is not a number"),
        ({"rank": [1, 2]}, "is not a number, or 1 of them"),
        ({"rank": 0}, "rank 0 is not"),
        ({"rank": 1, "outputs": [4, 6]}, "inputs None do not multiply to 120"),
        ({"rank": 1, "outputs": [5, 6], "inputs": [4, 30]}, "outputs .* do not multiply to 24"),
        ({"rank": 1, "outputs": [24], "inputs": [120]}, "two or more"),
        ({"rank": 1, "suffixes": ["a"]}, "has no option"),
    ],
)
def test_what_cannot_be_is_refused(options: dict, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        apply(net(), Plan((Edit("default", "tensor_train", options),)))


def test_old_nets_and_other_axes_are_refused() -> None:
    text = INPUT.encode() + downgrade_layers(
        b'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" '
        b"inner_product_param { num_output: 24 } }"
    )
    model = make_model(text.decode(), {"fc": [np.ones((24, 120)), np.zeros(24)]}, "V1")
    with pytest.raises(PlanError, match="netsurgery upgrade"):
        apply(model, Plan((Edit("fc", "tensor_train", {"rank": 1}),)))


def test_a_parameter_that_has_the_name_of_a_core_is_refused() -> None:
    text = INPUT + "".join(
        f'layer {{ name: "{name}" type: "InnerProduct" bottom: "data" top: "{name}" '
        f'param {{ name: "{parameter}" }} inner_product_param {{ num_output: 24 }} }}\n'
        for name, parameter in (("a", "w"), ("b", "w_tt2"))
    )
    model = make_model(text, {name: [np.ones((24, 120)), np.ones(24)] for name in "ab"})
    with pytest.raises(PlanError, match="already has a parameter called 'w_tt2'"):
        apply(model, Plan((Edit("a", "tensor_train", {"rank": 2}),)))
