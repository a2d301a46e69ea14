from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from budget_nets import SHAPES, TEXT, falling, small_net
from small_models import make_model

from netsurgery.budgets import Budget, BudgetWishes, plan_budget
from netsurgery.budgets.clock import Clock
from netsurgery.budgets.notes import Notes
from netsurgery.methods import low_rank_method
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model


@pytest.fixture(scope="module")
def model() -> Model:
    return small_net()


def test_every_shape_is_timed_once(
    model: Model, opencv: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes.json"
    first = Clock(opencv, Notes(notes))
    took = first.layers(model, ["conv2"]), first.whole(model)
    assert all(seconds > 0 for seconds in took)
    monkeypatch.setattr("netsurgery.budgets.clock._time", lambda *_: pytest.fail("timed again"))
    again = Clock(opencv, Notes(notes))
    assert (again.layers(model, ["conv2"]), again.whole(model)) == took
    assert len(json.loads(notes.read_text())) == 2


def test_layers_of_the_same_shape_share_a_time(model: Model, opencv: str) -> None:
    twin = small_net_named("other")
    notes = Notes()
    assert Clock(opencv, notes).layers(model, ["conv2"]) == Clock(opencv, notes).layers(
        twin, ["other"]
    )


def small_net_named(name: str) -> Model:
    blobs = {
        name if layer == "conv2" else layer: [falling(shape, 0), np.zeros(shape[0])]
        for layer, shape in SHAPES.items()
    }
    return make_model(TEXT.replace('"conv2"', f'"{name}"'), blobs)


def test_chains_of_every_method_can_be_timed(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds are not to be relied on: what counts is which nets are timed.
    timed: list[Model] = []

    def remember(engine: object, net: Model) -> float:
        timed.append(net)
        return float(len(timed))

    monkeypatch.setattr("netsurgery.budgets.clock._time", remember)
    layers = {
        "svd": 2,
        "channel_svd": 2,
        "tucker": 3,
        "cp": 4,
        "tensor_train": 6,  # Reshapes among them, and a Scale
    }
    for name, count in layers.items():
        layer = "fc1" if name in ("svd", "tensor_train") else "conv2"
        method = low_rank_method(name)
        tradeoff = method.tradeoff(model, layer)
        ranks = [tuple(min(k, full) for full in tradeoff.full) for k in (2, 4, 6, 8, 10, 12, 14)]
        seconds = Clock(opencv, Notes()).chains(model, [layer], method, tradeoff, ranks)
        assert len(seconds) == len(ranks)
        assert (np.diff(seconds) > 0).all()
        assert [len(net.network().layers) for net in timed[-3:]] == [count] * 3


def test_a_layer_that_takes_next_to_no_time_is_taken_to_gain_nothing(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netsurgery.budgets.clock._time", lambda engine, net: by_macs(net))
    method, clock = low_rank_method("svd"), Clock(opencv, Notes())
    found = clock.chains(model, ["fc2"], method, method.tradeoff(model, "fc2"), [(1,), (2,), (3,)])
    assert set(found) == {clock.layers(model, ["fc2"])}


def by_macs(net: Model) -> float:
    return total_cost(net).macs * 1e-9


def test_a_net_that_takes_longer_as_a_whole_is_planned_for_less(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slower_together(engine: object, net: Model) -> float:
        seconds = by_macs(net)
        # Alone, layers of a chain take what their MACs say; the net with chains a tenth more.
        return seconds * (1.1 if len(net.network().layers) > 9 else 1.0)

    monkeypatch.setattr("netsurgery.budgets.clock._time", slower_together)
    wishes = BudgetWishes(Budget(latency=0.6), ("svd", "spatial_svd"), engine=opencv)
    plan = plan_budget(model, wishes)
    left, whole = plan.expected["left"], plan.expected["whole"]
    assert left["latency"] <= 0.6 * whole["latency"]
    assert left["latency"] == pytest.approx(1.1e-9 * left["macs"], rel=1e-5)


def test_a_budget_of_time_is_kept_as_it_was_timed(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # With times that are MACs, the plan is that for MACs.
    monkeypatch.setattr("netsurgery.budgets.clock._time", lambda engine, net: by_macs(net))
    notes = str(tmp_path / "notes.json")
    found = [
        plan_budget(model, BudgetWishes(budget, ("svd", "spatial_svd"), engine=opencv, notes=notes))
        for budget in (Budget(latency=0.5), Budget(macs=0.5))
    ]
    assert [e.layer for e in found[0].edits] == [e.layer for e in found[1].edits]
    left, whole = found[0].expected["left"], found[0].expected["whole"]
    assert left["latency"] <= 0.5 * whole["latency"]
    assert {"seconds"} <= set(found[0].edits[0].predicted)


def test_times_are_real_in_caffe(model: Model, caffe: str) -> None:
    clock = Clock(caffe, Notes())
    method = low_rank_method("spatial_svd")
    tradeoff = method.tradeoff(model, "conv2")
    seconds = clock.chains(model, ["conv2"], method, tradeoff, [(2,), (8,)])
    assert (seconds > 0).all()
