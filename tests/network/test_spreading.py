"""Eltwise of unequal bottoms: shapes, channels, what the doctor says, and what engines compute."""

from __future__ import annotations

from functools import reduce
from typing import Any, Dict, Sequence, Tuple

import numpy as np
import pytest
from channel_choices import with_random_weights
from channel_nets import line
from hypothesis import given, strategies as st

from netsurgery.calibration import Inputs, random_inputs
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.session_pool import open_model
from netsurgery.engine import engine as engine_named
from netsurgery.errors import NetworkError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.jobs.proving import Proof, write_proved
from netsurgery.layers.spreading import covered_axes, spread_shape
from netsurgery.methods import Edit
from netsurgery.network.channels import channel_groups
from netsurgery.network.cost import total_cost
from netsurgery.network.doctor.examination import examine
from netsurgery.network.model import Model
from netsurgery.network.shapes import infer_shapes
from netsurgery.network.spreading import in_stock_form
from netsurgery.planning import Plan
from netsurgery.planning.rules import parse_rule
from netsurgery.planning.thinning import ThinSpec, plan_thin

JOIN = {"PROD": np.multiply, "SUM": np.add, "MAX": np.maximum}


def joined(body: str, *shapes: Sequence[int], top: str = "y") -> Model:
    """An Eltwise of inputs ``x0``, ``x1`` and so on, each behind a layer that changes nothing."""
    text, names = "", []
    for number, shape in enumerate(shapes):
        dims = " ".join(f"dim: {size}" for size in shape)
        text += line(
            "Input", f"x{number}", [], [f"x{number}"], f"input_param {{ shape {{ {dims} }} }}"
        )
        text += line("Power", f"p{number}", [f"x{number}"], [f"p{number}"])
        names.append(f"p{number}")
    text += line("Eltwise", "it", names, [top], f"eltwise_param {{ {body} }}")
    return Model(Prototxt.parse((text + line("Power", "z", [top], ["z"])).encode()))


@given(
    st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple), min_size=1, max_size=3)
)
def test_shapes_spread_as_in_numpy(shapes) -> None:
    found = spread_shape(shapes)
    if len({len(shape) for shape in shapes}) > 1:
        assert found is None
        return
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        assert found is None
        return
    assert found == expected
    for shape in shapes:
        axes = covered_axes(shape, expected)
        if axes is not None:
            first, end = axes
            short = np.zeros(shape).reshape(expected[first:end])
            assert short.size == np.prod(shape)


CASES: Dict[str, Tuple[Any, ...]] = {
    "gate": ("operation: PROD", (2, 5, 3, 4), (2, 5, 1, 1)),
    "the small one first": ("operation: PROD", (2, 5, 1, 1), (2, 5, 3, 4)),
    "one sample": ("operation: PROD", (1, 5, 3, 4), (1, 5, 1, 1)),
    "pictures of one channel": ("operation: PROD", (2, 5, 3, 4), (2, 1, 3, 4)),
    "a number a sample": ("operation: PROD", (2, 5, 3, 4), (2, 1, 1, 1)),
    "rows": ("operation: PROD", (2, 5, 3, 4), (2, 5, 3, 1)),
    "columns": ("operation: PROD", (2, 5, 3, 4), (2, 5, 1, 4)),
    "crosswise": ("operation: PROD", (2, 5, 1, 1), (2, 1, 3, 4)),
    "three": ("operation: PROD", (2, 5, 3, 4), (2, 5, 1, 1), (2, 5, 3, 1)),
    "two large ones": ("operation: PROD", (2, 5, 3, 4), (2, 5, 1, 1), (2, 5, 3, 4)),
    "sum": ("operation: SUM", (2, 5, 3, 4), (2, 5, 1, 1)),
    "sum by default": ("", (2, 5, 1, 1), (2, 5, 3, 4)),
    "weighted sum": ("coeff: 2 coeff: -0.5", (2, 5, 3, 4), (2, 5, 1, 1)),
    "maximum": ("operation: MAX", (2, 5, 3, 4), (2, 5, 1, 1), (2, 1, 3, 1)),
    "no pictures": ("operation: PROD", (2, 6), (2, 1)),
}


def run(model: Model, engine: Any, arrays: Dict[str, np.ndarray]) -> np.ndarray:
    with open_model(engine, model) as runner:
        (batch,) = Inputs(arrays).batches(2)
        return runner.run(batch, {"z": model.network().last("z")})["z"]


def expected_of(body: str, arrays: Dict[str, np.ndarray]) -> np.ndarray:
    values = list(arrays.values())
    if "coeff" in body:
        values = [2 * values[0], -0.5 * values[1]]
    operation = next((name for name in JOIN if name in body), "SUM")
    return reduce(JOIN[operation], values)


@pytest.mark.parametrize("name", CASES)
def test_caffe_computes_it_in_its_stock_form(quick_caffe, name) -> None:
    body, *shapes = CASES[name]
    model = joined(body, *shapes)
    random = np.random.default_rng(0)
    # Two samples, whatever number the net declares.
    arrays = {
        f"x{i}": random.normal(size=(2, *shape[1:])).astype("f") for i, shape in enumerate(shapes)
    }
    found = run(model, quick_caffe, arrays)
    assert infer_shapes(model.network())[model.network().last("z")][1:] == found.shape[1:]
    np.testing.assert_allclose(found, expected_of(body, arrays), rtol=1e-6, atol=1e-6)


def test_opencv_computes_a_gate(opencv) -> None:
    model = joined("operation: PROD", (2, 5, 3, 4), (2, 5, 1, 1))
    random = np.random.default_rng(0)
    arrays = {
        f"x{i}": random.normal(size=shape).astype("f")
        for i, shape in enumerate([(2, 5, 3, 4), (2, 5, 1, 1)])
    }
    found = run(model, engine_named(opencv), arrays)
    np.testing.assert_allclose(found, arrays["x0"] * arrays["x1"], rtol=1e-6)


def test_in_place_and_in_the_older_layout() -> None:
    model = joined("operation: PROD", (2, 5, 3, 4), (2, 5, 1, 1), top="p0")
    network = in_stock_form(model.network())
    assert [layer.type for layer in network.layers][-3:] == ["Reshape", "Scale", "Power"]
    assert network.last("p0") == model.network().last("p0")
    old = (
        'input: "a" input_shape { dim: 2 dim: 3 dim: 4 dim: 4 } '
        'input: "b" input_shape { dim: 2 dim: 3 dim: 1 dim: 1 }\n'
        'layers { name: "it" type: ELTWISE bottom: "a" bottom: "b" top: "y" '
        "eltwise_param { operation: MAX } }"
    )
    network = in_stock_form(Model(Prototxt.parse(old.encode())).network())
    assert [layer.type for layer in network.layers][-3:] == ["Tile", "Tile", "Eltwise"]


@pytest.mark.parametrize("name", CASES)
def test_the_doctor_says_how_stock_caffe_writes_it(name) -> None:
    body, *shapes = CASES[name]
    (finding,) = [one for one in examine(joined(body, *shapes)) if one.layer == "it"]
    assert finding.severity == "error"
    tiled = name in ("pictures of one channel", "columns", "crosswise", "weighted sum", "maximum")
    affine = "Scale" if "PROD" in body else "Bias"
    assert ("Tile" if tiled else affine) in (finding.remedy or "")
    assert (affine if tiled else "Tile") not in (finding.remedy or "")


def test_what_nobody_spreads_is_refused() -> None:
    for shapes in ([(2, 5, 3, 4), (2, 4, 1, 1)], [(2, 5, 3, 4), (5, 1, 1)]):
        with pytest.raises(NetworkError, match="combines"):
            infer_shapes(joined("operation: PROD", *shapes).network())
    (finding,) = [
        one for one in examine(joined("operation: PROD", (2, 5, 3, 4), (2, 5))) if one.layer == "it"
    ]
    assert "Scale" in (finding.remedy or "")


CONV = "convolution_param { kernel_size: 1 num_output: %d }"
SQUEEZE = (
    line("Input", "x", [], ["x"], "input_param { shape { dim: 1 dim: 3 dim: 6 dim: 6 } }")
    + line("Convolution", "a", ["x"], ["a"], CONV % 12)
    + line("Pooling", "pool", ["a"], ["pool"], "pooling_param { pool: AVE global_pooling: true }")
    + line("Convolution", "down", ["pool"], ["down"], CONV % 6)
    + line("ReLU", "r", ["down"], ["down"])
    + line("Convolution", "up", ["down"], ["up"], CONV % 12)
    + line("Sigmoid", "s", ["up"], ["up"])
    + "%s"
    + line("Convolution", "b", ["m"], ["b"], CONV % 8)
    + line("InnerProduct", "fc", ["b"], ["fc"], "inner_product_param { num_output: 4 }")
)


@pytest.mark.parametrize("operation", ["PROD", "SUM", "MAX"])
@pytest.mark.parametrize("bottoms", [("a", "up"), ("up", "a")])
def test_a_gate_is_thinned_factored_and_proved(quick_caffe, tmp_path, operation, bottoms) -> None:
    body = f"eltwise_param {{ operation: {operation} }}"
    model = with_random_weights(SQUEEZE % line("Eltwise", "m", bottoms, ["m"], body))
    groups = {group.name: group for group in channel_groups(model)}
    assert groups["a"].origins == ("a", "up")
    assert groups["a"].channels == 12
    assert total_cost(model).unknown == ()
    calibrator = Calibrator(random_inputs(model.network(), 24, 0), quick_caffe)
    plan = plan_thin(model, ThinSpec([parse_rule("keep", "*=0.5")]), calibrator)
    plan = Plan((*plan.edits, Edit("fc", "svd", {"rank": 2})))
    done = write_proved(model, plan, tmp_path, Proof(engine=quick_caffe), calibrator=calibrator)
    assert done, done.reasons
    assert done.unproven is None
    written = Prototxt.read(tmp_path / "deploy.prototxt")
    (layer,) = (one for one in written.layers if one.name == "m")
    # What is written stays in the toolchain's own form.
    assert layer.type == "Eltwise"


def test_one_channel_spread_over_many_ties_none_of_them() -> None:
    attention = line("Convolution", "one", ["a"], ["one"], CONV % 1)
    body = "eltwise_param { operation: PROD }"
    text = SQUEEZE % (attention + line("Eltwise", "m", ["one", "a"], ["m"], body))
    groups = {group.name: group for group in channel_groups(with_random_weights(text))}
    assert len(groups["a"].free) == 12
    assert groups["one"].blocked
