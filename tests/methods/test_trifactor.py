from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from caffe_runs import assert_equal, run
from small_models import make_model

from netsurgery.errors import PlanError
from netsurgery.methods import Edit, low_rank_method
from netsurgery.methods.exchange import Context
from netsurgery.methods.neighbours import INPUTS, OUTPUTS, neighbours
from netsurgery.methods.registry import METHODS
from netsurgery.methods.trifactor import TriFactorisation
from netsurgery.network.model import Model
from netsurgery.planning import Plan
from netsurgery.surgery import apply, operate

# Three products in a row of some hundred terms in float32.
FLOAT_NOISE = 1e-5
TEXT = """\
input: "data" input_shape { dim: 2 dim: 6 dim: 11 dim: 12 }
layer { name: "a" type: "Convolution" bottom: "data" top: "a"
        convolution_param { num_output: 8 kernel_size: 3 pad: 1 } }
layer { name: "ra" type: "ReLU" bottom: "a" top: "a" }
layer { name: "b" type: "Convolution" bottom: "a" top: "b"
        convolution_param { num_output: 10 kernel_h: 3 kernel_w: 5 stride: 2 pad: 1 dilation: 1 } }
layer { name: "rb" type: "ReLU" bottom: "b" top: "b" }
layer { name: "c" type: "InnerProduct" bottom: "b" top: "c"
        inner_product_param { num_output: 4 } }
"""
SHAPES = {"a": (8, 6, 3, 3), "b": (10, 8, 3, 5), "c": (4, 10 * 6 * 5)}


def net(**given: np.ndarray) -> Model:
    random = np.random.RandomState(0)
    blobs = {
        name: [random.standard_normal(shape), random.standard_normal(shape[0])]
        for name, shape in SHAPES.items()
    }
    for name, weights in given.items():
        blobs[name][0] = weights
    return make_model(TEXT, blobs)


def edits(*ranks: int) -> Plan:
    return Plan((Edit("b", "trifactor", {"rank": list(ranks)}),))


def method() -> TriFactorisation:
    found = METHODS.find("method", "trifactor")
    assert isinstance(found, TriFactorisation)
    return found


def test_three_layers_compute_what_their_product_does_in_real_caffe(
    tmp_path: Path, caffe_python: str
) -> None:
    both = (*edits(3, 4).edits, Edit("a", "trifactor", {"rank": [6, 4]}))
    surgery = operate(net(), Plan(both))
    after = run(surgery.model, tmp_path, caffe_python)
    assert_equal(run(surgery.twin(), tmp_path, caffe_python), after, FLOAT_NOISE)


@pytest.mark.parametrize("ranks", [(3, 4), (8, 4), (3, 10)])
def test_the_error_is_that_of_the_layers(ranks: tuple[int, int]) -> None:
    surgery = operate(net(), edits(*ranks))
    ((name, error),) = surgery.predicted_errors().items()
    assert surgery.errors(surgery.twin())[name] == pytest.approx(error, rel=1e-4)
    assert 0.1 < error < 1


def test_full_ranks_change_nothing() -> None:
    model = apply(net(), edits(8, 10))
    for place, size in (("L", 8), ("U", 10)):
        found = model.blobs(f"b_{place}")[0].array()[:, :, 0, 0]
        np.testing.assert_array_equal(found, np.eye(size))
    np.testing.assert_array_equal(model.blobs("b_M")[0].array(), net().blobs("b")[0].array())


def test_its_layers_are_as_steady_as_those_of_tucker() -> None:
    """Orthonormal: groups themselves are nearly parallel, and large numbers would cancel out."""
    model = apply(net(), edits(3, 4))
    first, core, last = (model.blobs(f"b_{place}")[0].array() for place in "LMU")
    np.testing.assert_allclose(first[:, :, 0, 0] @ first[:, :, 0, 0].T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(last[:, :, 0, 0].T @ last[:, :, 0, 0], np.eye(4), atol=1e-6)
    assert np.linalg.norm(core) < np.linalg.norm(net().blobs("b")[0].array())


def planted(random: np.random.RandomState, outputs: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """A kernel of 3 x 5 that groups of outputs and of inputs make."""
    cores = random.standard_normal((3, 5, outputs.shape[1], inputs.shape[1]))
    return (outputs @ cores @ inputs.T).transpose(2, 3, 0, 1)


def groups(sizes: int, count: int) -> np.ndarray:
    found = np.zeros((sizes, count))
    found[range(sizes), np.arange(sizes) % count] = 1
    return found


def test_planted_groups_are_met() -> None:
    kernel = planted(np.random.RandomState(0), groups(10, 4), groups(8, 3))
    surgery = operate(net(b=kernel), edits(3, 4))
    (error,) = surgery.predicted_errors().values()
    # Multiplicative updates come near slowly.
    assert error < 0.02


def test_neighbours_have_a_say_in_the_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a kernel that says nothing of its inputs, those who make them tell the groups."""
    random = np.random.RandomState(1)
    wanted = groups(8, 2)
    maker = np.tensordot(wanted, random.standard_normal((2, 6, 3, 3)), 1)
    noise = random.standard_normal((10, 8, 3, 5))

    def held(weight: float) -> float:
        """How much of the two groups lies in what the first layer lets pass, of 2."""
        monkeypatch.setattr("netsurgery.methods.neighbours.NEIGHBOURS", weight)
        first = apply(net(a=maker, b=noise), edits(2, 10)).blobs("b_L")[0].array()[:, :, 0, 0]
        # Four inputs a group: each is a vector of length 2.
        return float(np.sum((first @ wanted / 2) ** 2))

    assert held(0.0) < 1.2
    assert held(100.0) > 1.9


def test_the_same_edit_gives_the_same_bytes() -> None:
    one, two = (apply(net(), edits(3, 4)).blobs("b_M")[0].array().tobytes() for _ in range(2))
    assert one == two


def test_what_ranks_lose_is_known_before_and_falls() -> None:
    model = net()
    tradeoff = method().tradeoff(model, "b")
    assert tradeoff.full == (8, 10)
    table = tradeoff.energies.lost
    assert table.shape == (8, 10)
    assert table[-1, -1] == 0
    for axis in (0, 1):
        assert (np.diff(table, axis=axis) <= 0).all()
    tucker = METHODS.find("method", "tucker").tradeoff(model, "b").energies.lost  # type: ignore[attr-defined]
    assert (table >= tucker[: len(table)] - 1e-12).all()
    for ranks in ((2, 2), (4, 5), (6, 8)):
        # Between the ranks that were fitted it is read off a line.
        assert tradeoff.fitted(ranks) == pytest.approx(tradeoff.lost(ranks), rel=0.1)
        (error,) = operate(model, edits(*ranks)).predicted_errors().values()
        # Its neighbours have a say too, and draw the groups away from what is best for it.
        assert tradeoff.fitted(ranks) <= 1.01 * error**2 < 1.3 * tradeoff.fitted(ranks)


def test_it_looks_at_more_than_its_layer() -> None:
    model = net()
    assert not method().needs_only_its_layer(model, edits(3, 4).edits[0], Context(model))


@pytest.mark.parametrize(
    ("ranks", "problem"),
    [([9, 4], "from 1 to 8 and from 1 to 10"), (3, "not a list"), ([0, 1], "from 1 to 8")],
)
def test_ranks_that_cannot_be_are_refused(ranks: object, problem: str) -> None:
    with pytest.raises(PlanError, match=problem):
        apply(net(), Plan((Edit("b", "trifactor", {"rank": ranks}),)))


def test_a_convolution_in_groups_is_refused() -> None:
    text = TEXT.replace("num_output: 10 kernel_h", "group: 2 num_output: 10 kernel_h")
    random = np.random.RandomState(0)
    shapes = {**SHAPES, "b": (10, 4, 3, 5)}
    blobs = {
        name: [random.standard_normal(shape), random.standard_normal(shape[0])]
        for name, shape in shapes.items()
    }
    with pytest.raises(PlanError, match="it has 2 groups"):
        apply(make_model(text, blobs), edits(3, 4))


def test_a_neighbour_whose_weights_are_no_numbers_is_named() -> None:
    weights = np.ones(SHAPES["c"])
    weights[0, 0] = np.inf
    with pytest.raises(PlanError, match=r"layer 'c': 'b' is grouped .* they hold NaN or Inf"):
        apply(net(c=weights), edits(3, 4))


def test_a_large_neighbour_is_not_held_in_double_precision() -> None:
    small, wide = TEXT.replace("num_output: 4", "num_output: 2000"), np.ones((2000, 300), "f4")
    blobs = {name: list(map(np.ones, (shape, shape[:1]))) for name, shape in SHAPES.items()}
    model = make_model(small, {**blobs, "c": [wide, np.ones(2000)]})
    tracemalloc.start()
    neighbours(model, "b", {INPUTS: 8, OUTPUTS: 10})
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Twice as float32: as they lie in the file, and tap by tap.
    assert most < 2.2 * wide.nbytes


@pytest.mark.parametrize("scale", [2.0**-80, 2.0**70])
def test_the_error_is_known_where_squares_leave_float32(scale: float) -> None:
    weights = np.random.default_rng(3).normal(size=SHAPES["b"]).astype("f4")
    errors = [
        operate(net(b=one), edits(3, 4)).predicted_errors()["b"]
        for one in (weights, weights * np.float32(scale))
    ]
    assert errors[1] == pytest.approx(errors[0], rel=1e-4)
    low, high = (
        low_rank_method("trifactor").tradeoff(net(b=one), "b")
        for one in (weights, weights * np.float32(scale))
    )
    ranks = low.share(0.5)
    assert high.fitted(ranks) == pytest.approx(low.fitted(ranks), rel=1e-4)
