"""Layer-wise optimal brain surgery: whose rows are looked at, and what becomes of the weights."""

from __future__ import annotations

from typing import Dict, Iterable, List

import numpy as np
import pytest
from quick_caffe import QuickCaffe
from small_models import make_model

from netsurgery.calibration import Calibrator, Inputs
from netsurgery.errors import PlanError
from netsurgery.layers import Layer
from netsurgery.linalg import Moments, Pattern, WeightSurgeon, choose_open, ridge_for
from netsurgery.linalg.weight_surgeon import removal_order
from netsurgery.network import Model, prunable
from netsurgery.saliency import PrunableNet, obs, saliency

INPUT = 'layer { name: "data" type: "Input" top: "data" input_param { shape { %s } } }\n'
LAYER = 'layer { name: "%s" type: "%s" bottom: "%s" top: "%s" %s }\n'


class Rows(Calibrator):
    """Stands for inputs: it knows the rows that layers read, in groups."""

    def __init__(self, rows: Dict[str, np.ndarray]) -> None:
        self.rows = rows
        self.asked: List[str] = []

    def products(self, model: Model, layers: Iterable[Layer]) -> Dict[str, Moments]:
        found = {}
        for layer in layers:
            found[layer.name] = Moments()
            found[layer.name].add(self.rows[layer.name])
            self.asked.append(layer.name)
        return found


def correlated(groups: int, count: int, width: int, seed: int = 0) -> np.ndarray:
    random = np.random.RandomState(seed)
    mixed = random.standard_normal((groups, width, width))
    return (random.standard_normal((groups, count, width)) @ mixed).astype(np.float32)


def surgeon_of(*rows: np.ndarray) -> WeightSurgeon:
    """What each of these rows tells, added up."""
    exact = [one.astype(np.float64) for one in rows]
    second = sum(one.T @ one / len(one) for one in exact)
    return WeightSurgeon(second, ridge_for(len(second), sum(map(len, rows))))


def dense_net(transposed: bool = False) -> Model:
    weights = np.random.RandomState(1).standard_normal((4, 10))
    how = "inner_product_param { num_output: 4 bias_term: false %s }"
    text = INPUT % "dim: 1 dim: 10" + LAYER % (
        "fc", "InnerProduct", "data", "fc", how % ("transpose: true" if transposed else "")
    )  # fmt: skip
    return make_model(text, {"fc": [weights.T if transposed else weights]})


def net_of(model: Model, **rows: np.ndarray) -> PrunableNet:
    return PrunableNet(model, prunable(model), calibrator=Rows(rows))


@pytest.mark.parametrize("transposed", [False, True])
def test_scores_are_the_share_of_the_output_that_goes(transposed: bool) -> None:
    rows = correlated(1, 60, 10)
    net = net_of(dense_net(transposed), fc=rows)
    weights = np.float64(net.model.blobs("fc")[0].array())
    weights = weights.T if transposed else weights
    surgeon = surgeon_of(rows[0])
    wanted = surgeon.costs(weights, 10) / surgeon.error(weights)
    found = saliency("obs").scores(net)["fc", 0]
    np.testing.assert_allclose(found.T if transposed else found, wanted, rtol=1e-6)
    # all of a row gone, all that it makes is gone
    order = removal_order(weights, surgeon.inverse)
    assert order.losses.sum() == pytest.approx(surgeon.error(weights))


@pytest.mark.parametrize("transposed", [False, True])
def test_what_stays_is_the_optimum(transposed: bool) -> None:
    rows = correlated(1, 60, 10)
    net = net_of(dense_net(transposed), fc=rows)
    before = net.model.blobs("fc")[0].array()
    free = np.random.RandomState(2).random_sample(before.shape) < 0.5
    (found,) = saliency("obs").solve(net, {("fc", 0): free}).values()
    assert found.dtype == np.float32
    assert not found[~free].any()
    assert not np.array_equal(found[free], before[free])
    change = np.float64(found) - before
    slope = (change.T if transposed else change) @ surgeon_of(rows[0]).gram
    # the slope of the error is zero wherever a weight may move, to float32
    moved = (slope.T if transposed else slope)[free]
    np.testing.assert_allclose(moved, 0, atol=1e-5 * np.abs(slope).max())


def grouped_net() -> Model:
    weights = np.random.RandomState(1).standard_normal((4, 3, 1, 1))
    how = "convolution_param { num_output: 4 kernel_size: 1 group: 2 bias_term: false }"
    text = INPUT % "dim: 1 dim: 6 dim: 5 dim: 5" + LAYER % (
        "conv",
        "Convolution",
        "data",
        "conv",
        how,
    )
    return make_model(text, {"conv": [weights]})


def test_each_group_of_a_convolution_has_its_own_inputs() -> None:
    rows = correlated(2, 60, 3)
    rows[1] *= 10
    net = net_of(grouped_net(), conv=rows)
    (found,) = saliency("obs").scores(net).values()
    weights = np.float64(net.model.blobs("conv")[0].array()).reshape(2, 2, 3)
    surgeons = [surgeon_of(own) for own in rows]
    whole = sum(surgeon.error(own) for surgeon, own in zip(surgeons, weights))
    wanted = [surgeon.costs(own, 3) / whole for surgeon, own in zip(surgeons, weights)]
    np.testing.assert_allclose(found.reshape(2, 2, 3), wanted, rtol=1e-6)
    free = np.arange(12).reshape(4, 3, 1, 1) % 3 > 0
    (solved,) = saliency("obs").solve(net, {("conv", 0): free}).values()
    exact = [s.solve(w, f) for s, w, f in zip(surgeons, weights, free.reshape(2, 2, 3))]
    np.testing.assert_allclose(solved.reshape(2, 2, 3), exact, rtol=1e-5)


def test_layers_that_share_weights_are_looked_at_together() -> None:
    weights = np.random.RandomState(1).standard_normal((10, 10))
    how = 'param { name: "w" } inner_product_param { num_output: 10 bias_term: false }'
    text = INPUT % "dim: 1 dim: 10" + LAYER % ("one", "InnerProduct", "data", "one", how)
    text += LAYER % ("two", "InnerProduct", "one", "two", how)
    model = make_model(text, {"one": [weights], "two": [weights]})
    rows = {"one": correlated(1, 60, 10), "two": correlated(1, 60, 10, 5)}
    net = net_of(model, **rows)
    (found,) = saliency("obs").scores(net).values()
    surgeon = surgeon_of(rows["one"][0], rows["two"][0])
    weights = np.float64(model.blobs("one")[0].array())
    np.testing.assert_allclose(
        found, surgeon.costs(weights, 10) / surgeon.error(weights), rtol=1e-6
    )


@pytest.mark.parametrize("count", [60, 4], ids=["many rows", "few rows"])
def test_long_rows_are_taken_apart(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs, "WIDEST", 6)
    rows = correlated(1, count, 10)
    net = net_of(dense_net(), fc=rows)
    weights = np.float64(net.model.blobs("fc")[0].array())
    surgeons = [surgeon_of(rows[0][:, own]) for own in (slice(0, 5), slice(5, 10))]
    whole = sum(s.error(w) for s, w in zip(surgeons, (weights[:, :5], weights[:, 5:])))
    wanted = np.hstack([surgeons[0].costs(weights[:, :5], 5), surgeons[1].costs(weights[:, 5:], 5)])
    (found,) = saliency("obs").scores(net).values()
    np.testing.assert_allclose(found, wanted / whole, rtol=1e-6)
    free = np.arange(40).reshape(4, 10) % 4 > 0
    (solved,) = saliency("obs").solve(net, {("fc", 0): free}).values()
    exact = [s.solve(weights[:, o], free[:, o]) for s, o in zip(surgeons, np.s_[:5, 5:])]
    np.testing.assert_allclose(solved, np.hstack(exact), rtol=1e-4, atol=1e-6)


def test_what_would_take_too_long_is_done_in_blocks_and_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = correlated(1, 400, 100)
    model = make_model(
        INPUT % "dim: 1 dim: 100"
        + LAYER % ("fc", "InnerProduct", "data", "fc", "inner_product_param { num_output: 4 }"),
        {"fc": [np.random.RandomState(1).standard_normal((4, 100)), np.zeros(4)]},
    )
    net = net_of(model, fc=rows)
    asked: List[int] = []
    costs = WeightSurgeon.costs
    monkeypatch.setattr(
        WeightSurgeon, "costs", lambda self, w, block: asked.append(block) or costs(self, w, block)
    )
    monkeypatch.setattr(obs, "MOST_WORK", 2 / 3 * 400 * 50.0**2)
    saliency("obs").scores(net)
    assert asked == [50]
    monkeypatch.setattr(obs, "MOST_WORK", 0.0)
    saliency("obs").scores(net)
    assert asked[1:] == [obs.LEAST_BLOCK]
    monkeypatch.setattr(WeightSurgeon, "solve", None)
    free = np.random.RandomState(2).random_sample((4, 100)) < 0.5
    (found,) = saliency("obs").solve(net, {("fc", 0): free}).values()
    surgeon = surgeon_of(rows[0])
    weights = np.float64(model.blobs("fc")[0].array())
    assert surgeon.error(found - weights) < 0.5 * surgeon.error(weights * free - weights)


def test_all_rows_are_gathered_in_one_run() -> None:
    how = "inner_product_param { num_output: 10 bias_term: false }"
    text = INPUT % "dim: 1 dim: 10" + LAYER % ("one", "InnerProduct", "data", "one", how)
    text += LAYER % ("two", "InnerProduct", "one", "two", how)
    weights = np.random.RandomState(1).standard_normal((10, 10))
    model = make_model(text, {"one": [weights], "two": [weights]})
    net = net_of(model, one=correlated(1, 30, 10), two=correlated(1, 30, 10))
    assert isinstance(net.calibrator, Rows)
    saliency("obs").solve(net, {("two", 0): weights > 0})
    assert net.calibrator.asked == ["two"]
    saliency("obs").scores(net)
    assert net.calibrator.asked == ["two", "one", "two"]


def test_it_needs_inputs() -> None:
    model = dense_net()
    with pytest.raises(PlanError, match=r"there are no inputs; give some with `calibrate`"):
        saliency("obs").scores(PrunableNet(model, prunable(model)))


def test_it_makes_nearer_to_the_same_than_what_is_left_as_it_was(quick_caffe: QuickCaffe) -> None:
    model = dense_net()
    rows = correlated(1, 200, 10)[0]
    inputs = Inputs({"data": rows})
    net = PrunableNet(model, prunable(model), calibrator=Calibrator(inputs, quick_caffe))
    before = np.float64(model.blobs("fc")[0].array())
    errors = {}
    for name in ("magnitude", "obs"):
        ranking = saliency(name).ranking(net, together=False)
        (free,) = choose_open(list(ranking.values()), 0.5, Pattern(), together=False)
        assert np.count_nonzero(free) == 20
        (after,) = saliency(name).solve(net, {("fc", 0): free}).values()
        errors[name] = float(np.square(rows @ (after - before).T).mean())
    assert errors["obs"] < 0.5 * errors["magnitude"]


def test_work_is_told_and_bounded_whatever_the_width() -> None:
    """By shapes alone: no input is run."""

    def work(outputs: int, width: int) -> float:
        text = INPUT % f"dim: 1 dim: {width}" + LAYER % (
            *("f", "InnerProduct", "data", "f"),
            f"inner_product_param {{ num_output: {outputs} bias_term: false }}",
        )
        model = make_model(text, {"f": [np.zeros((outputs, width), np.float32)]})
        return saliency("obs").work(PrunableNet(model, prunable(model)))

    few = work(10, 40)
    assert few == pytest.approx(40**3 + 2 / 3 * 10 * 40**3 + 10 * 40**3)
    assert work(20, 40) > few
    # Two parts of the inputs, each with an inverse; blocks and steps keep to the bound.
    assert work(512, 2 * obs.WIDEST) <= 2 * obs.WIDEST**3 + 2 * obs.MOST_WORK
