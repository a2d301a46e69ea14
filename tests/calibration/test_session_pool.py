"""Models that stay open: fewer processes, the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from calibration_nets import BRANCHING
from channel_choices import with_random_weights
from channel_nets import line
from small_models import two_layers

from netsurgery.calibration import (
    Calibrator,
    Inputs,
    Part,
    Target,
    measuring,
    random_inputs,
    running,
    session_pool,
)
from netsurgery.calibration.measuring import ObservedValue, Seen, measure
from netsurgery.engine import Engine, choose
from netsurgery.engine.caffe import Caffe
from netsurgery.engine.process import Worker
from netsurgery.errors import EngineError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Value
from netsurgery.network.model import Model, load
from netsurgery.progress import Progress


class Collected:
    """All of some values."""

    def __init__(self, *sources: ObservedValue) -> None:
        self.sources = sources
        self.seen: List[np.ndarray] = []

    def add(self, seen: Seen) -> None:
        self.seen += [seen[source].copy() for source in self.sources]


def models() -> List[Model]:
    return [two_layers(seed=seed) for seed in range(3)]


def ask(models: List[Model], inputs: Inputs, engine: Any, at: Any = None) -> List[np.ndarray]:
    outputs = [ObservedValue(m.network().outputs[0], number) for number, m in enumerate(models)]
    observer = Collected(*outputs)
    measure(models, inputs, [observer], engine, sessions=at)
    return observer.seen


def watch_loading(monkeypatch: pytest.MonkeyPatch) -> List[Model]:
    """The models that are loaded from now on."""
    loaded: List[Model] = []
    load = session_pool.load_model

    def watched(engine: Any, model: Model, *given: Any, **named: Any) -> Any:
        loaded.append(model)
        return load(engine, model, *given, **named)

    monkeypatch.setattr(session_pool, "load_model", watched)
    return loaded


def test_what_stays_open_answers_as_what_is_opened_anew(engine: str, started: List[Worker]) -> None:
    choose(engine).probe()
    first, second, third = models()
    inputs = random_inputs(first.network(), 5)
    at = session_pool.SessionPool()
    pairs = ([first, second], [third, second], [second, second], [first, third])
    expected = [ask(pair, inputs, engine) for pair in pairs]
    assert not any(np.array_equal(one, other) for one, other in zip(expected[0], expected[1][:1]))
    started.clear()
    for pair, wanted in zip(pairs, expected):
        for found, one in zip(ask(pair, inputs, engine, at), wanted):
            np.testing.assert_array_equal(found, one)
    assert len(started) == 2
    at.close()
    assert all(worker._process.poll() is not None for worker in started)


def test_a_model_that_is_open_is_not_loaded_again(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = watch_loading(monkeypatch)
    first, second, third = models()
    at = session_pool.SessionPool()
    for pair in ([first, second], [third, second], [second, third]):
        ask(pair, random_inputs(first.network(), 2), opencv, at)
    assert loaded == [first, second, third]


def test_what_takes_too_much_does_not_stay(opencv: str, started: List[Worker]) -> None:
    choose(opencv).probe()
    started.clear()
    at, model = session_pool.SessionPool(most_alone=10), models()[0]
    for _ in range(2):
        ask([model], random_inputs(model.network(), 2), opencv, at)
        assert started[-1]._process.poll() is not None
    assert len(started) == 2


def test_of_several_that_take_too_much_the_last_stays(opencv: str, started: List[Worker]) -> None:
    choose(opencv).probe()
    started.clear()
    at, (first, second, _) = session_pool.SessionPool(most_bytes=10), models()
    ask([first, second], random_inputs(first.network(), 2), opencv, at)
    assert [one.model for one in at._idle] == [second]
    assert [worker._process.poll() is None for worker in started].count(True) == 1


def test_a_session_counts_what_its_last_inputs_made(opencv: str) -> None:
    at, model = session_pool.SessionPool(), models()[0]
    sizes = []
    for count in (1, 64):
        ask([model], random_inputs(model.network(), count), opencv, at)
        (one,) = at._idle
        sizes.append(one.size - 4 * model.weights.count)
    assert sizes[1] == 64 * sizes[0]


def test_large_models_take_turns_in_one_process(
    caffe_python: str, started: List[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of models that differ in their weights, as both need not fit into memory."""
    caffe = Caffe(caffe_python)
    first, second, third = models()
    inputs = random_inputs(first.network(), 5)
    expected = ask([first, second], inputs, caffe) + ask([third], inputs, caffe)
    monkeypatch.setattr(session_pool, "SIDE_BY_SIDE", 1)
    started.clear()
    at = session_pool.SessionPool()
    found = ask([first, second], inputs, caffe, at) + ask([third], inputs, caffe, at)
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)
    assert len(started) == 1


def test_large_models_make_way(
    opencv: str, started: List[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    at, model = session_pool.SessionPool(), models()[0]
    ask([model], random_inputs(model.network(), 2), opencv, at)
    at.make_way()
    assert started[-1]._process.poll() is None
    monkeypatch.setattr(running, "LARGE", 1)
    at.make_way()
    assert started[-1]._process.poll() is not None


def test_large_models_make_way_before_a_large_layer_is_fitted(
    opencv: str, started: List[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models()[0]
    layer = model.network().layers[1]
    calibrator = Calibrator(random_inputs(model.network(), 2), opencv)
    target = Target(Part(ObservedValue(layer.tops[0], 1)))
    calibrator.targets(model, layer, model, target)
    assert started[-1]._process.poll() is None
    monkeypatch.setattr(running, "LARGE", 1)
    for ask_again in (
        lambda: calibrator.targets(model, layer, model, target),
        lambda: calibrator.products(model, iter([layer])),
        lambda: calibrator.outputs(model, iter([layer])),
    ):
        ask_again()
        assert all(worker._process.poll() is not None for worker in started)


def test_nothing_stays_open_behind_an_error(opencv: str, started: List[Worker]) -> None:
    model = models()[0]
    at, engine = session_pool.SessionPool(), choose(opencv)
    with pytest.raises(EngineError) as caught, at.open(engine, [model]) as (runner,):
        raise EngineError("gave up", file=runner.file, line=3)
    assert (caught.value.file, caught.value.line) == (model.prototxt.file, None)
    assert all(worker._process.poll() is not None for worker in started)
    assert len(ask([model], random_inputs(model.network(), 2), opencv, at)) == 1


def test_what_another_engine_holds_does_not_stay(
    opencv: str, quick_caffe: Engine, started: List[Worker]
) -> None:
    choose(opencv).probe()
    started.clear()
    at, model = session_pool.SessionPool(), models()[0]
    inputs = random_inputs(model.network(), 2)
    ask([model], inputs, opencv, at)
    (worker,) = started
    assert worker._process.poll() is None
    ask([model], inputs, quick_caffe, at)
    assert worker._process.poll() is not None
    at.close()


def test_new_weights_are_set_in_what_is_open(caffe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text and most weights are the same: nothing is loaded, and the answers are those of files."""
    loaded = watch_loading(monkeypatch)
    original, other = two_layers(seed=0), two_layers(seed=1)
    assert original.weights
    assert other.weights
    inputs = random_inputs(original.network(), 2)
    names = [layer.name for layer in original.weights.layers if layer.blobs]
    changed = [
        Model(original.prototxt, original.weights.replace({name: other.weights.find(name)}))
        for name in names
    ]
    both = Model(original.prototxt, other.weights)
    at = session_pool.SessionPool()
    pairs = [[one, original] for one in (*changed, both)]
    for pair in pairs:
        expected = ask(pair, inputs, caffe)
        loads = len(loaded)
        found = ask(pair, inputs, caffe, at)
        assert len(loaded) - loads == (2 if pair is pairs[0] else 0)
        for one, wanted in zip(found, expected):
            np.testing.assert_array_equal(one, wanted)
    at.close()


def test_a_model_is_known_by_what_it_holds(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From files or from memory, with a comment more or less; and errors name the file at hand."""
    loaded = watch_loading(monkeypatch)
    model = two_layers()
    text = Prototxt.parse(b"# the same\n" + model.prototxt.data)
    same = load(*Model(text, model.weights).save(tmp_path))
    inputs = random_inputs(model.network(), 2)
    with session_pool.SessionPool() as at:
        first = ask([model], inputs, engine, at)
        for found, wanted in zip(ask([same], inputs, engine, at), first):
            np.testing.assert_array_equal(found, wanted)
        assert loaded == [model]
        with pytest.raises(EngineError) as caught, at.open(choose(engine), [same]) as (runner,):
            raise EngineError("gave up", file=runner.file, line=3)
        assert caught.value.file == same.prototxt.file
        wide = Model(model.prototxt, model.weights, {"data": (1, 3, 4, 4)})
        ask([wide], inputs, engine, at)
        assert loaded == [model, wide]


def test_layers_in_place_are_left_alone_where_that_is_asked(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, model, engine = watch_loading(monkeypatch), two_layers(), choose(opencv)
    with session_pool.SessionPool() as at:
        for in_place in (False, True, True, False):
            with at.open(engine, [model], in_place=in_place) as (runner,):
                assert len(runner.session.blobs) == (3 if in_place else 4)
    assert len(loaded) == 3


def test_fresh_sessions_are_in_processes_of_their_own(opencv: str, started: List[Worker]) -> None:
    model, engine = two_layers(), choose(opencv)
    engine.probe()
    started.clear()
    with session_pool.SessionPool() as at:
        for fresh in (False, False, True, False):
            with at.open(engine, [model], fresh=fresh):
                pass
        assert len(started) == 2
        assert started[0]._process.poll() is not None
    assert started[1]._process.poll() is not None


def test_the_longest_unused_make_room(opencv: str, started: List[Worker]) -> None:
    first, second, third = models()
    engine = choose(opencv)
    engine.probe()
    started.clear()
    assert first.weights
    # Two of them fit, with their blobs, and not a third.
    most = 2.5 * (first.weights.size() + 4 * 2 * (48 + 32 + 32 + 5))
    with session_pool.SessionPool(most) as at:
        with at.open(engine, [first, second, third]):
            assert len(started) == 3
        assert [worker._process.poll() is None for worker in started] == [False, True, True]
    with session_pool.SessionPool(1) as none, none.open(engine, [first]):
        pass
    assert all(worker._process.poll() is not None for worker in started)


def test_models_that_hardly_come_again_go_on_in_one_process_and_take_no_others(caffe) -> None:
    """The original of fits stays open beside the parts of nets that are run once each."""
    chosen = choose(caffe, [])
    more = line("InnerProduct", "e", ["d"], ["e"], "inner_product_param { num_output: 2 }")
    original = two_layers()
    parts = [with_random_weights(BRANCHING), with_random_weights(BRANCHING + more)]
    with session_pool.SessionPool() as pool:
        with pool.open(chosen, [original]) as (runner,):
            kept = runner.session
        processes = []
        for part in parts:
            with pool.open(chosen, [part], brief=True) as (runner,):
                processes.append(runner.session._worker)
        assert processes[0] is processes[1]
        assert processes[0] is not kept._worker
        with pool.open(chosen, [original]) as (runner,):
            assert runner.session is kept


def test_what_is_too_large_to_stand_side_by_side_is_run_one_after_the_other(
    caffe, monkeypatch
) -> None:
    """Each once over all batches, and the observers see what they see of both at the same time."""
    more = line("InnerProduct", "e", ["d"], ["e"], "inner_product_param { num_output: 2 }")
    models = [with_random_weights(BRANCHING), with_random_weights(BRANCHING + more)]
    inputs = random_inputs(models[0].network(), 5, 0)
    found = []
    for room in (session_pool.SIDE_BY_SIDE, 1.0):
        monkeypatch.setattr(session_pool, "SIDE_BY_SIDE", room)
        loaded = watch_loading(monkeypatch)
        observer = Collected(ObservedValue(Value("d")), ObservedValue(Value("e"), 1))
        # A batch of one: each model would otherwise be opened anew for each of five.
        measure(models, inputs, [observer], choose(caffe, []), most_bytes=1.0)
        assert len(loaded) == 2
        found.append(np.concatenate([array.ravel() for array in observer.seen]))
    np.testing.assert_array_equal(*found)


def test_models_that_run_ahead_are_told_of(opencv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those too large to be open side by side run one after another, before anyone looks."""
    monkeypatch.setattr(measuring, "fit_side_by_side", lambda _: False)
    model, work = with_random_weights(BRANCHING, 1), Progress()
    goes_on: List[str] = []

    class Watched(session_pool.SessionPool):
        def open(self, *given: Any, **how: Any) -> Any:
            goes_on.append(str(work.event))
            return super().open(*given, **how)

    ends = [ObservedValue(Value("d"), number) for number in range(2)]
    inputs = random_inputs(model.network(), 3, 0)
    other = with_random_weights(BRANCHING, 2)
    with Watched() as sessions:
        measure([model, other], inputs, [Collected(*ends)], opencv, work, sessions)
    assert goes_on == ["running, 0 of 3 inputs"] * 2
    assert work.timings.counts == {"forward passes": 6}
