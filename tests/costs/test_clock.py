from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import List

import numpy as np
import pytest
from budget_nets import SHAPES, TEXT, falling, small_net
from small_models import make_model

from netsurgery.budgets import Budget, BudgetRequest, plan_budget
from netsurgery.budgets.planner import Planner
from netsurgery.budgets.scores import Energy
from netsurgery.budgets.search import tables_of
from netsurgery.costs import NetCost, clock
from netsurgery.costs.aims import NEAR
from netsurgery.costs.clock import Clock
from netsurgery.costs.stopwatch import Stopwatch, Times, in_turn
from netsurgery.engine import Engine, Session, engine as engine_named
from netsurgery.engine.process import Worker
from netsurgery.errors import EngineError, PlanError
from netsurgery.measurements import FileStore, MeasurementStore, MemoryStore
from netsurgery.methods import low_rank_method
from netsurgery.network.cost import total_cost
from netsurgery.network.model import Model
from netsurgery.progress import silent


@pytest.fixture(scope="module")
def model() -> Model:
    return small_net()


def clock_of(engine: str, store: MeasurementStore) -> Clock:
    return Clock(engine_named(engine), store)


def test_every_shape_is_timed_once(
    model: Model, opencv: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes.json"
    first = clock_of(opencv, FileStore(notes))
    took = first.layers(model, ["conv2"]), first.whole(model), first.share(model, model)
    assert all(number > 0 for number in took)
    monkeypatch.setattr(Stopwatch, "time", lambda *_, **__: pytest.fail("timed again"))
    monkeypatch.setattr(clock, "in_turn", lambda *_: pytest.fail("timed again"))
    again = clock_of(opencv, FileStore(notes))
    assert (
        again.layers(model, ["conv2"]),
        again.whole(model),
        again.share(model, model),
    ) == took
    assert len(json.loads(notes.read_text())) == 1 + 3


def test_layers_of_the_same_shape_share_a_time(model: Model, opencv: str) -> None:
    twin = small_net_named("other")
    notes = MemoryStore()
    assert clock_of(opencv, notes).layers(model, ["conv2"]) == clock_of(opencv, notes).layers(
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

    def remember(stopwatch: Stopwatch, net: Model, anew: bool = False) -> float:
        timed.append(net)
        return float(len(timed))

    monkeypatch.setattr(Stopwatch, "time", remember)
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
        seconds = clock_of(opencv, MemoryStore()).chains(model, [layer], method, tradeoff, ranks)
        assert len(seconds) == len(ranks)
        assert (np.diff(seconds) > 0).all()
        assert [len(net.network().layers) for net in timed[-3:]] == [count] * 3


def test_a_layer_that_takes_next_to_no_time_is_taken_to_gain_nothing(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stopwatch, "time", by_macs)
    method, timer = low_rank_method("svd"), clock_of(opencv, MemoryStore())
    found = timer.chains(model, ["fc2"], method, method.tradeoff(model, "fc2"), [(1,), (2,), (3,)])
    assert set(found) == {timer.layers(model, ["fc2"])}


def by_macs(stopwatch: Stopwatch, net: Model, anew: bool = False) -> float:
    return seconds_of(net)


def seconds_of(net: Model) -> float:
    return total_cost(net).macs * 1e-9


@pytest.mark.parametrize("more", [1.0, 1.1, 1.3, 0.7])
def test_a_net_is_planned_for_what_it_takes_as_a_whole(
    more: float, model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Alone, layers of a chain take what their MACs say; the net with chains more or less.
    def together(engine: Engine, before: Model, after: Model) -> Times:
        return Times(seconds_of(before), seconds_of(after) * more)

    monkeypatch.setattr(Stopwatch, "time", by_macs)
    monkeypatch.setattr(clock, "in_turn", together)
    request = BudgetRequest(Budget(latency=0.6), ("svd", "spatial_svd"), engine=opencv)
    plan = plan_budget(model, request)
    left, whole = plan.expected.left, plan.expected.whole
    assert NEAR * 0.6 * whole["latency"] <= left["latency"] <= 0.6 * whole["latency"]
    assert left["latency"] == pytest.approx(more * 1e-9 * left["macs"], rel=1e-5)


def test_a_net_that_can_only_get_slower_is_refused(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stopwatch, "time", by_macs)
    monkeypatch.setattr(clock, "in_turn", lambda *_: Times(1.0, 1.2))
    request = BudgetRequest(Budget(latency=0.6), ("svd", "spatial_svd"), engine=opencv)
    with pytest.raises(PlanError, match=r"timed as a whole, .* takes 1\.200 of"):
        plan_budget(model, request)


def test_layers_take_no_longer_beside_each_other_than_the_whole(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Alone each takes twice what its MACs say, as if the whole were run in a warm cache.
    whole = len(model.network().layers)

    def cold(stopwatch: Stopwatch, net: Model, anew: bool = False) -> float:
        return seconds_of(net) * (1.0 if len(net.network().layers) == whole else 2.0)

    monkeypatch.setattr(Stopwatch, "time", cold)
    timer = clock_of(opencv, MemoryStore())
    request = BudgetRequest(Budget(latency=0.5), ("svd", "spatial_svd"))
    cost = NetCost(model, clock=timer)
    tables, _ = tables_of(model, request, Energy(), cost, silent)
    together = sum(table.choices[0].cost["latency"] for table in tables)
    assert together == pytest.approx(cost.total["latency"])
    halves = [table.choices[0].cost["macs"] * 1e-9 for table in tables]
    assert halves == pytest.approx([table.choices[0].cost["latency"] for table in tables], rel=0.01)


def test_a_budget_of_time_is_kept_as_it_was_timed(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # With times that are MACs, the plan is that for MACs.
    monkeypatch.setattr(Stopwatch, "time", by_macs)
    monkeypatch.setattr(clock, "in_turn", lambda _, *nets: Times(*map(seconds_of, nets)))
    notes = str(tmp_path / "notes.json")
    found = [
        plan_budget(
            model, BudgetRequest(budget, ("svd", "spatial_svd"), engine=opencv, notes=notes)
        )
        for budget in (Budget(latency=0.5), Budget(macs=0.5))
    ]
    assert [e.layer for e in found[0].edits] == [e.layer for e in found[1].edits]
    left, whole = found[0].expected.left, found[0].expected.whole
    assert left["latency"] <= 0.5 * whole["latency"]
    before, after = found[0].edits[0].predicted.seconds
    assert before > after


def test_times_are_real_in_caffe(model: Model, caffe: str) -> None:
    timer = clock_of(caffe, MemoryStore())
    method = low_rank_method("spatial_svd")
    tradeoff = method.tradeoff(model, "conv2")
    seconds = timer.chains(model, ["conv2"], method, tradeoff, [(2,), (8,)])
    assert (seconds > 0).all()


def test_layers_are_timed_in_the_engine_that_runs_the_whole(
    opencv: str, caffe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Caffe, which comes first, has no ShuffleChannel: it could run the layers, but not the net.
    monkeypatch.setattr(Stopwatch, "time", by_macs)
    last = 'layer { name: "last" type: "ShuffleChannel" bottom: "conv2" top: "last" }'
    net = small_net(TEXT + last)
    planner = Planner(net, BudgetRequest(Budget(latency=0.5), ("svd",)))
    assert planner._clock is not None
    assert planner._clock.engine.name == "opencv"


def test_two_nets_are_timed_in_turn(engine: str, model: Model) -> None:
    times = in_turn(engine_named(engine), model, model)
    assert times.before > 0
    assert times.share == times.after / times.before


def test_a_stopwatch_keeps_its_process_unless_told_not_to(
    engine: str, model: Model, started: List[Worker]
) -> None:
    engine_named(engine).probe()
    started.clear()
    stopwatch = Stopwatch(engine_named(engine))
    assert all(stopwatch.time(model, anew) > 0 for anew in (False, False, True, False))
    stopwatch.close()
    assert len(started) == 2
    assert all(worker._process.poll() is not None for worker in started)


@pytest.mark.parametrize("budget", [0.5, 1e-6])
def test_a_plan_leaves_no_process_behind(
    budget: float,
    model: Model,
    opencv: str,
    monkeypatch: pytest.MonkeyPatch,
    started: List[Worker],
) -> None:
    real = Stopwatch.time

    def timed(stopwatch: Stopwatch, net: Model, anew: bool = False) -> float:
        real(stopwatch, net, anew)
        return by_macs(stopwatch, net)

    engine_named(opencv).probe()
    started.clear()
    monkeypatch.setattr(Stopwatch, "time", timed)
    with contextlib.suppress(PlanError):
        plan_budget(model, BudgetRequest(Budget(latency=budget), ("svd",), engine=opencv))
    assert started
    assert all(worker._process.poll() is not None for worker in started)


def test_what_an_engine_refuses_is_named_as_the_user_names_it(
    model: Model, opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_named(opencv)

    def refuse(prototxt: Path, *_: object, **__: object) -> Session:
        raise EngineError("cannot", file=str(prototxt), line=3)

    monkeypatch.setattr(type(engine), "open", lambda self, prototxt, *a, **k: refuse(prototxt))
    with pytest.raises(EngineError) as caught:
        Stopwatch(engine).time(model)
    assert (caught.value.file, caught.value.line) == (model.prototxt.file, None)
