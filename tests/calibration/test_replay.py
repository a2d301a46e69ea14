"""What is remembered of models is what they make, and only what is not is run."""

from __future__ import annotations

from typing import Iterable, List, Sequence

import numpy as np
import pytest
from calibration_nets import BRANCHING
from channel_choices import with_random_weights
from channel_nets import line

from netsurgery.calibration import random_inputs, running
from netsurgery.calibration.calibrator import Calibrator
from netsurgery.calibration.inputs import Inputs
from netsurgery.calibration.measuring import ObservedValue, Seen, measure
from netsurgery.calibration.replay import Replay
from netsurgery.calibration.session_pool import SessionPool
from netsurgery.engine import Capability, engine as engine_named
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.formats.weights import LayerWeights
from netsurgery.network.graph import Value
from netsurgery.network.model import Model, load
from netsurgery.progress import Progress

SHARED = 'inner_product_param { num_output: 3 } param { name: "w" }'


class Keep:
    """An observer that keeps what it sees."""

    def __init__(self, sources: Iterable[ObservedValue]) -> None:
        self.sources = list(sources)
        self.seen: List[Seen] = []

    def add(self, seen: Seen) -> None:
        self.seen.append(seen)


class Watched(SessionPool):
    """A sessions that notes which layers are run."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: List[List[str]] = []

    def open(self, engine, models, **how):
        names = [one.name for model in models for one in model.network().layers]
        self.layers.append([name for name in names if name != "x"])
        return super().open(engine, models, **how)


@pytest.fixture
def sessions():
    found = Watched()
    yield found
    found.close()


@pytest.fixture
def model() -> Model:
    return with_random_weights(BRANCHING, 1)


def changed(model: Model, name: str) -> Model:
    assert model.weights
    blobs = model.blobs(name)
    filled = [blob.filled(blob.array() * 1.5) for blob in blobs]
    return Model(
        model.prototxt,
        model.weights.replace({name: [LayerWeights(name, None, tuple(filled))]}),
    )


def seen_in(replay: Replay, models: Sequence[Model], sources: Sequence[ObservedValue], engine: str):
    observer = Keep(sources)
    assert replay.run(models, [observer], engine)
    return {one: np.concatenate([seen[one] for seen in observer.seen]) for one in sources}


def really(models: Sequence[Model], inputs: Inputs, sources: Sequence[ObservedValue], engine: str):
    observer = Keep(sources)
    measure(models, inputs, [observer], engine)
    return {one: np.concatenate([seen[one] for seen in observer.seen]) for one in sources}


def test_models_are_gone_through_a_layer_at_a_time(model, opencv, sessions) -> None:
    inputs = random_inputs(model.network(), 5, 0)
    replay = Replay(inputs, sessions)
    read = {"b": Value("a", 1), "c": Value("a", 1), "d": Value("sum")}
    now, ran = changed(model, "a"), []
    for name in ("b", "c", "d"):
        sources = [ObservedValue(read[name]), ObservedValue(Value(name), 1)]
        seen = seen_in(replay, [now, model], sources, opencv)
        expected = really([now, model], inputs, sources, opencv)
        for source in sources:
            # The same layers on the same numbers, in batches of another size.
            np.testing.assert_allclose(seen[source], expected[source], rtol=1e-5, atol=1e-6)
        ran.append(sessions.layers)
        sessions.layers = []
        now = changed(now, name)
    assert ran == [
        [["a", "r"], ["a", "r", "b"]],
        [["c"]],  # of the original: both read what a branches from
        [["b", "c", "sum"], ["sum", "d"]],
    ]


def test_what_no_model_of_the_last_run_has_is_forgotten(model, opencv, sessions) -> None:
    replay = Replay(random_inputs(model.network(), 3, 0), sessions)
    end = [ObservedValue(Value("d")), ObservedValue(Value("a", 1))]
    first = seen_in(replay, [model], end, opencv)
    seen_in(replay, [changed(model, "b")], end, opencv)
    assert sessions.layers == [["a", "r", "b", "c", "sum", "d"], ["b", "c", "sum", "d"]]
    again = seen_in(replay, [model], end, opencv)
    assert sessions.layers[2] == ["b", "c", "sum", "d"]
    for source in end:
        np.testing.assert_array_equal(first[source], again[source])


def test_values_are_known_by_what_made_them_not_by_objects(
    model, opencv, sessions, tmp_path
) -> None:
    """The same net, read from files with a comment more, has nothing that must run."""
    replay = Replay(random_inputs(model.network(), 3, 0), sessions)
    end = [ObservedValue(Value("d"))]
    first = seen_in(replay, [model], end, opencv)
    text = Prototxt.parse(b"# the same\n" + model.prototxt.data)
    same = load(*Model(text, model.weights).save(tmp_path))
    again = seen_in(replay, [same], end, opencv)
    assert sessions.layers == [["a", "r", "b", "c", "sum", "d"]]
    np.testing.assert_array_equal(first[end[0]], again[end[0]])


def test_an_engine_that_goes_on_by_itself_is_left_to_do_so(model, caffe, sessions) -> None:
    replay = Replay(random_inputs(model.network(), 3, 0), sessions)
    assert engine_named(caffe).can(Capability.RESUME)
    assert not replay.run([model], [Keep([ObservedValue(Value("d"))])], caffe)


def test_where_texts_change_only_what_is_behind_is_run(model, caffe, sessions) -> None:
    """Caffe would begin anew for each text, though it goes on by itself within one."""
    inputs = random_inputs(model.network(), 3, 0)
    replay = Replay(inputs, sessions, rewritten=True)
    end = [ObservedValue(Value("d"))]
    seen_in(replay, [model], end, caffe)
    more = line(
        "Convolution", "e", ["d"], ["e"], "convolution_param { num_output: 2 kernel_size: 1 }"
    )
    grown = with_random_weights(BRANCHING + more, 1)
    assert model.weights
    assert grown.weights
    grown = Model(
        grown.prototxt,
        model.weights.replace({"d": [*model.weights.find("d"), *grown.weights.find("e")]}),
    )
    source = [ObservedValue(Value("e"))]
    seen, expected = (
        seen_in(replay, [grown], source, caffe)[source[0]],
        really([grown], inputs, source, caffe)[source[0]],
    )
    np.testing.assert_allclose(seen, expected, rtol=1e-5, atol=1e-6)
    assert sessions.layers == [["a", "r", "b", "c", "sum", "d"], ["e"]]


def test_of_what_does_not_fit_the_longest_unused_is_forgotten(model, opencv, sessions) -> None:
    inputs = random_inputs(model.network(), 3, 0)
    ends = [[ObservedValue(Value(name))] for name in ("a", "d", "a")]
    sizes = [really([model], inputs, one, opencv)[one[0]].nbytes for one in ends]
    replay = Replay(inputs, sessions, most_bytes=sizes[0])
    for one in ends:
        seen_in(replay, [model], one, opencv)
    # What "a" made was there for the second run, which left other things in its place.
    assert sessions.layers == [["a"], ["r", "b", "c", "sum", "d"], ["a"]]
    kept = sum(array.nbytes for array in replay._known.values())
    assert kept <= sizes[0]


def test_observers_are_shown_a_few_inputs_at_a_time(model, opencv, sessions) -> None:
    """So that windows are others each time: for many inputs in sixteen turns, all of them once."""
    for count, turns in ((3, 3), (50, 16)):
        replay = Replay(random_inputs(model.network(), count, 0), sessions)
        source = ObservedValue(Value("d"))
        observer = Keep([source])
        assert replay.run([model], [observer], opencv)
        assert len(observer.seen) == turns
        assert sum(len(seen[source]) for seen in observer.seen) == count


def test_a_net_that_takes_one_sample_at_a_time_is_gone_through_all_the_same(
    engine, sessions
) -> None:
    # Caffe cannot go on here from where it was: what it is fed changes from run to run.
    text = BRANCHING.replace("dim: 2 dim: 3", "dim: 1 dim: 3")
    shape = "reshape_param { shape { %s } }"
    text += line("Reshape", "turned", ["d"], ["turned"], shape % "dim: 3 dim: 1")
    text += line("Reshape", "e", ["turned"], ["e"], shape % "dim: 1 dim: 3 dim: 1")
    model = with_random_weights(text, 1)
    inputs = Inputs({"x": np.random.default_rng(0).normal(size=(4, 3, 7, 7)).astype("f4")})
    replay, ends = (
        Replay(inputs, sessions),
        [ObservedValue(Value("e")), ObservedValue(Value("a", 1))],
    )
    for now in (model, changed(model, "d")):
        seen, expected = seen_in(replay, [now], ends, engine), really([now], inputs, ends, engine)
        for end in ends:
            np.testing.assert_allclose(seen[end], expected[end], rtol=1e-5, atol=1e-6)
    assert sessions.layers == [
        ["a", "r", "b", "c", "sum", "d", "turned", "e"],
        ["b", "c", "sum", "d", "turned", "e"],
    ]


@pytest.mark.parametrize(
    "more",
    [
        # Weights in common; and samples that do not stay apart.
        line("InnerProduct", "e", ["sum"], ["e"], SHARED)
        + line("InnerProduct", "f", ["sum"], ["f"], SHARED),
        line("Concat", "e", ["d", "d"], ["e"], "concat_param { axis: 0 }"),
    ],
)
def test_what_cannot_be_cut_is_left_to_a_whole_run(more, opencv, sessions) -> None:
    model = with_random_weights(BRANCHING + more, 1)
    replay = Replay(random_inputs(model.network(), 3, 0), sessions)
    assert not replay.run([model], [Keep([ObservedValue(Value("e"))])], opencv)


def test_a_large_layer_is_run_with_little_else(model, caffe, sessions, monkeypatch) -> None:
    """Not in a net that goes on by itself, which would hold all that is in front of it."""
    monkeypatch.setattr(running, "LARGE", 4.0)
    replay = Replay(random_inputs(model.network(), 3, 0), sessions)
    source = ObservedValue(Value("d"), 1)
    now = changed(model, "d")
    seen = seen_in(replay, [model, now], [source], caffe)[source]
    again = changed(now, "d")
    assert not np.array_equal(seen, seen_in(replay, [model, again], [source], caffe)[source])
    assert sessions.layers == [["a", "r", "b", "c", "sum", "d"], ["d"]]


def test_what_is_run_is_told_and_counted(model, opencv, sessions) -> None:
    """Each input through each part that is run; what is known takes no pass."""
    inputs, work = random_inputs(model.network(), 5, 0), Progress()
    replay = Replay(inputs, sessions, progress=work)
    ends = [ObservedValue(Value(name), number) for name, number in (("d", 0), ("b", 1))]
    seen_in(replay, [changed(model, "c"), model], ends, opencv)
    assert work.timings.counts == {"forward passes": 10}
    assert work.timings.tasks["running"].times == len(sessions.layers) == 2
    seen_in(replay, [changed(model, "c"), model], ends, opencv)
    assert work.timings.counts == {"forward passes": 10}
    assert work.timings.tasks["running"].times == 2


def test_a_calibrator_tells_of_what_is_run_again(model, opencv) -> None:
    """However it came to remember what models made: among few inputs, beside, or in steps."""
    work = Progress()
    first = Calibrator(random_inputs(model.network(), 5, 0), opencv, progress=work)
    sources, passes = [ObservedValue(Value("d"))], 0
    with first.sessions:
        for one, in_steps in ((first, True), (first.of(first.inputs, most_bytes=1e9), False)):
            one.run([model], [Keep(sources)], in_steps)
            passes += 5
            assert work.timings.counts == {"forward passes": passes}
        other = one.beside()
        with other.sessions:
            other.run([model], [Keep(sources)])
        assert work.timings.counts == {"forward passes": passes + 5}
