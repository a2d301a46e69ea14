from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from caffe_runs import assert_equal, run
from small_models import make_model

import netsurgery as ns
from netsurgery.budgets import DEFAULT_METHODS
from netsurgery.errors import PlanError
from netsurgery.methods import Edit, low_rank_method
from netsurgery.methods.exchange import Context
from netsurgery.network import Model, total_cost
from netsurgery.planning import Plan
from netsurgery.surgery import apply, operate

# Two products in a row of some hundred terms in float32.
FLOAT_NOISE = 1e-5
TEXT = """\
input: "data" input_shape { dim: 2 dim: 6 dim: 3 dim: 4 }
layer { name: "a" type: "InnerProduct" bottom: "data" top: "a"
        inner_product_param { num_output: 12 } }
layer { name: "ra" type: "ReLU" bottom: "a" top: "a" }
layer { name: "b" type: "InnerProduct" bottom: "a" top: "b"
        inner_product_param { num_output: 16 transpose: true } }
layer { name: "rb" type: "ReLU" bottom: "b" top: "b" }
layer { name: "c" type: "InnerProduct" bottom: "b" top: "c"
        inner_product_param { num_output: 10 bias_term: false } }
"""
SHAPES = {"a": (12, 72), "b": (16, 12), "c": (10, 16)}
"""Outputs and inputs."""


def net(**given: np.ndarray) -> Model:
    random = np.random.RandomState(0)
    blobs = {}
    for name, shape in SHAPES.items():
        weights = given.get(name, random.standard_normal(shape))
        blobs[name] = [weights.T if name == "b" else weights, random.standard_normal(shape[0])]
    return make_model(TEXT, {**blobs, "c": blobs["c"][:1]})


def plan(**ranks: int) -> Plan:
    edits = (Edit(name, "trifactor_pair", {"rank": rank}) for name, rank in ranks.items())
    return Plan(tuple(edits))


def groups(sizes: int, count: int) -> np.ndarray:
    found = np.zeros((sizes, count))
    found[range(sizes), np.arange(sizes) % count] = 1
    return found


def orthonormal(model: Model, name: str, place: str) -> np.ndarray:
    (weights,) = (blob.array() for blob in model.blobs(f"{name}_{place}")[:1])
    return weights if len(weights) < len(weights.T) else weights.T


def test_two_layers_compute_what_their_product_does_in_real_caffe(
    tmp_path: Path, caffe_python: str
) -> None:
    surgery = operate(net(), plan(a=5, b=4, c=3))
    after = run(surgery.model, tmp_path, caffe_python)
    assert_equal(run(surgery.twin(), tmp_path, caffe_python), after, FLOAT_NOISE)
    measured = surgery.errors(surgery.twin())
    for name, error in surgery.predicted_errors().items():
        assert measured[name] == pytest.approx(error, rel=1e-4)
        assert 0.1 < error < 1


def test_full_ranks_change_nothing() -> None:
    model = apply(net(), plan(a=12, b=12))
    np.testing.assert_array_equal(model.blobs("a_U")[0].array(), np.eye(12))
    np.testing.assert_array_equal(model.blobs("a_L")[0].array(), net().blobs("a")[0].array())
    np.testing.assert_array_equal(model.blobs("b_L")[0].array(), np.eye(12))
    np.testing.assert_array_equal(model.blobs("b_U")[0].array(), net().blobs("b")[0].array().T)


@pytest.mark.parametrize(("name", "place"), [("a", "U"), ("b", "L")])
def test_the_fewer_units_are_grouped_and_their_vectors_are_steady(name: str, place: str) -> None:
    """Of `a` the outputs, of `b` the inputs: those vectors are orthonormal."""
    found = orthonormal(apply(net(), plan(a=5, b=4)), name, place)
    np.testing.assert_allclose(found @ found.T, np.eye(len(found)), atol=1e-6)


def test_planted_groups_are_met() -> None:
    planted = groups(12, 3) @ np.random.RandomState(1).standard_normal((3, 72))
    (error,) = operate(net(a=planted), plan(a=3)).predicted_errors().values()
    # Multiplicative updates come near slowly.
    assert error < 0.02


def test_neighbours_have_a_say_in_the_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a matrix that says nothing of its outputs, those who read them tell the groups."""
    random = np.random.RandomState(1)
    wanted = groups(12, 2)
    reader, noise = random.standard_normal((16, 2)) @ wanted.T, random.standard_normal((12, 72))

    def held(weight: float) -> float:
        """How much of the two groups lies in what the second layer spreads, of 2."""
        monkeypatch.setattr("netsurgery.methods.neighbours.NEIGHBOURS", weight)
        found = orthonormal(apply(net(a=noise, b=reader), plan(a=2)), "a", "U")
        # Six outputs a group: each is a vector of squared length 6.
        return float(np.sum((found @ wanted) ** 2) / 6)

    assert held(0.0) < 1.0
    assert held(100.0) > 1.9


def test_what_ranks_lose_is_known_before_and_falls() -> None:
    model, method = net(), low_rank_method("trifactor_pair")
    tradeoff = method.tradeoff(model, "a")
    assert tradeoff.full == (12,)
    lost = tradeoff.energies.lost
    assert lost[-1] == 0
    assert (np.diff(lost) <= 0).all()
    least = low_rank_method("svd").tradeoff(model, "a").energies.lost
    assert (lost >= least - 1e-12).all()
    for rank in (2, 3, 6):
        assert tradeoff.fitted((rank,)) == pytest.approx(tradeoff.lost((rank,)), rel=0.1)
    assert tradeoff.weights.at((5,)) == 5 * (12 + 72)


def test_a_planner_chooses_it_only_when_it_is_asked_for() -> None:
    assert "trifactor_pair" not in DEFAULT_METHODS
    model = net(a=groups(12, 3) @ np.random.RandomState(1).standard_normal((3, 72)))
    asked = ns.PlanRequest(budget=ns.Budget(params=0.6), methods=("trifactor_pair",))
    found = ns.plan(model, asked)
    assert [(edit.layer, edit.method) for edit in found.edits] == [("a", "trifactor_pair")]
    assert found.edits[0].options["rank"] == 3
    made = total_cost(apply(model, found))
    assert made.params <= 0.6 * total_cost(model).params


def test_it_looks_at_more_than_its_layer() -> None:
    model, method = net(), low_rank_method("trifactor_pair")
    assert not method.needs_only_its_layer(model, plan(a=5).edits[0], Context(model))


@pytest.mark.parametrize("rank", [0, 13, [3, 4], None])
def test_ranks_that_cannot_be_are_refused(rank: object) -> None:
    with pytest.raises(PlanError, match="not a whole number from 1 to 12"):
        apply(net(), Plan((Edit("a", "trifactor_pair", {"rank": rank}),)))


@pytest.mark.parametrize("ranks", [(3, 5), (5, 3), (8, 8)])
def test_three_layers_would_be_larger_than_two(ranks: tuple[int, int]) -> None:
    inputs, outputs = 72, 12
    three = inputs * ranks[0] + ranks[0] * ranks[1] + ranks[1] * outputs
    tradeoff = low_rank_method("trifactor_pair").tradeoff(net(), "a")
    assert tradeoff.weights.at((min(ranks),)) < three


def test_weights_that_are_no_numbers_are_refused() -> None:
    weights = np.ones(SHAPES["b"])
    weights[1, 2] = np.nan
    with pytest.raises(PlanError, match=r"layer 'b': .*1 values that are NaN or Inf"):
        apply(net(b=weights), plan(b=3))


@pytest.mark.parametrize("scale", [2.0**-80, 2.0**70])
def test_the_error_is_known_where_squares_leave_float32(scale: float) -> None:
    weights = np.random.default_rng(3).normal(size=SHAPES["b"]).astype("f4")
    errors = [
        operate(net(b=one), plan(b=3)).predicted_errors()["b"]
        for one in (weights, weights * np.float32(scale))
    ]
    assert errors[1] == pytest.approx(errors[0], rel=1e-4)
    low, high = (
        low_rank_method("trifactor_pair").tradeoff(net(b=one), "b")
        for one in (weights, weights * np.float32(scale))
    )
    ranks = low.share(0.5)
    assert high.fitted(ranks) == pytest.approx(low.fitted(ranks), rel=1e-4)
