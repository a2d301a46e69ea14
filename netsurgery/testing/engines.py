"""Whether an engine keeps the contract: it computes what Caffe does, and can what it says."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Callable, Iterator, List, Mapping, Sequence, Tuple

import numpy as np

from netsurgery.engine import SESSION_METHODS, Capability, Engine, Session
from netsurgery.errors import EngineError
from netsurgery.formats import Blob, LayerWeights, Prototxt, Weights
from netsurgery.network import Model
from netsurgery.testing.training import TRAINING_CHECKS, TrainingCheck

Check = Tuple[str, Callable[[], None]]
Arrays = Mapping[str, np.ndarray]

_NET = """\
name: "sample"
force_backward: true
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 3 dim: 8 } } }
layer { name: "one" type: "InnerProduct" bottom: "data" top: "one"
        inner_product_param { num_output: 6 } }
layer { name: "relu" type: "ReLU" bottom: "one" top: "kept" }
layer { name: "two" type: "InnerProduct" bottom: "kept" top: "two"
        inner_product_param { num_output: 4 bias_term: false } }
"""
_MAPS = """\
name: "maps"
layer { name: "data" type: "Input" top: "data"
        input_param { shape { dim: 2 dim: 3 dim: 4 dim: 5 } } }
layer { name: "kept" type: "ReLU" bottom: "data" top: "kept" }
"""
_NOISE = 1e-5
"""Of the largest number: sums of eight products in float32, in any order, are off by 1e-6."""


def check_engine(engine: Engine) -> None:
    """Hold an engine to its contract; it has to be usable here.

    Args:
        engine: The engine.

    Raises:
        AssertionError: It does not keep the contract; the text says where.
    """
    with _opened(engine) as opened:
        for check in _checks_of(engine):
            check(opened)
    for of_training in _training_checks_of(engine):
        of_training(engine)


def engine_checks(engine: Engine) -> List[Check]:
    """Return the checks of `check_engine`, each under a name: for ``pytest.mark.parametrize``.

    Those of what the engine cannot do are left out. Each opens the engine anew.
    """
    checks = [(check.__name__, partial(_alone, engine, check)) for check in _checks_of(engine)]
    checks += [(check.__name__, partial(check, engine)) for check in _training_checks_of(engine)]
    return [(name.lstrip("_"), check) for name, check in checks]


def _checks_of(engine: Engine) -> List[Callable[[_Opened], None]]:
    return [*_ALWAYS, *(check for need, check in _WHERE_IT_CAN if engine.can(need))]


def _training_checks_of(engine: Engine) -> Sequence[TrainingCheck]:
    return TRAINING_CHECKS if engine.can(Capability.SOLVE) else ()


def _alone(engine: Engine, check: Callable[[_Opened], None]) -> None:
    with _opened(engine) as opened:
        check(opened)


class _Opened:
    """The sample net, open in an engine, with what it must compute."""

    def __init__(self, engine: Engine, folder: str) -> None:
        self.engine = engine
        random = np.random.default_rng(0)
        self.weights = {
            "one": [random.normal(size=(6, 8)), random.normal(size=6)],
            "two": [random.normal(size=(4, 6))],
        }
        self.data = random.normal(size=(3, 8)).astype(np.float32)
        layers = [
            LayerWeights(name, None, tuple(map(Blob.of, arrays)))
            for name, arrays in self.weights.items()
        ]
        model = Model(Prototxt.parse(_NET.encode()), Weights.of(layers))
        self.pair = model.save(Path(folder))
        self.session = engine.open(*self.pair)

    def expected(self) -> Arrays:
        one = self.data @ self.weights["one"][0].T + self.weights["one"][1]
        kept = np.maximum(one, 0)
        return {"one": one, "kept": kept, "two": kept @ self.weights["two"][0].T}

    def forward(self, *blobs: str) -> Arrays:
        return self.session.forward({"data": self.data}, blobs)


@contextmanager
def _opened(engine: Engine) -> Iterator[_Opened]:
    probe = engine.probe()
    assert probe.usable, f"it is not usable here: {probe.reason}"
    with tempfile.TemporaryDirectory() as folder:
        opened = _Opened(engine, folder)
        with opened.session:
            yield opened


def _it_says_what_it_is(opened: _Opened) -> None:
    engine = opened.engine
    assert engine.name, "it has no name"
    assert engine.can(Capability.FORWARD), "it cannot run a net"
    assert all(isinstance(one, Capability) for one in engine.capabilities)


def _its_session_can_what_it_says(opened: _Opened) -> None:
    kind = type(opened.session)
    for need, names in SESSION_METHODS.items():
        own = all(getattr(kind, name) is not getattr(Session, name) for name in names)
        assert not opened.engine.can(need) or own, f"it says it can {need}, and has no {names[0]}"


def _it_refuses_what_it_cannot(opened: _Opened) -> None:
    calls: Mapping[Capability, Callable[[Session], object]] = {
        Capability.GRADIENTS: lambda session: session.backward({}, ["data"]),
        Capability.READ_PARAMETERS: lambda session: session.parameters(),
        Capability.SET_PARAMETERS: lambda session: session.set_parameters({}),
        Capability.TIME: lambda session: session.time(1, {"data": opened.data}),
    }
    for need, call in calls.items():
        if not opened.engine.can(need):
            _require_refusal(partial(call, opened.session), f"to {need}")


def _it_tells_inputs_and_blobs(opened: _Opened) -> None:
    session = opened.session
    assert dict(session.inputs) == {"data": (3, 8)}, f"its inputs are {session.inputs}"
    assert tuple(session.outputs) == ("two",), f"its outputs are {session.outputs}"
    for name, array in opened.expected().items():
        found = session.blobs.get(name)
        assert found == array.shape, f"it tells {found} for {name!r}, which is {array.shape}"


def _it_computes_what_caffe_does(opened: _Opened) -> None:
    _require_near(opened.forward("one", "kept", "two"), opened.expected())
    only = opened.forward()
    assert list(only) == ["two"], f"asked for nothing, it answers {list(only)}"
    assert only["two"].dtype == np.float32, f"it answers {only['two'].dtype}"


def _it_does_the_same_again(opened: _Opened) -> None:
    first, second = opened.forward("two")["two"], opened.forward("two")["two"]
    assert np.array_equal(first, second), "the same inputs give other outputs"


def _it_takes_other_batches(opened: _Opened) -> None:
    few = opened.data
    opened.data = np.concatenate([few, -few])
    _require_near(opened.forward("two"), {"two": opened.expected()["two"]})
    opened.data = few
    _require_near(opened.forward("two"), {"two": opened.expected()["two"]})


def _it_refuses_unknown_names(opened: _Opened) -> None:
    _require_refusal(lambda: opened.forward("no such blob"), "for a blob that is not there")
    _require_refusal(lambda: opened.session.forward({}), "without inputs")


def _it_refuses_files_that_are_not_there(opened: _Opened) -> None:
    _require_refusal(
        lambda: opened.engine.open("no such.prototxt"), "to open a file that is not there"
    )


def _it_reads_parameters(opened: _Opened) -> None:
    held = opened.session.parameters()
    for name, arrays in opened.weights.items():
        for own, other in zip(arrays, held[name]):
            same = np.array_equal(own.astype(np.float32).ravel(), np.ravel(other))
            assert same, f"it holds other numbers for {name!r} than the file"


def _it_sets_parameters(opened: _Opened) -> None:
    opened.forward("two")
    opened.weights["two"] = [opened.weights["two"][0] + 1]
    opened.session.set_parameters({"two": opened.weights["two"]})
    _require_near(opened.forward("two"), {"two": opened.expected()["two"]})


def _it_computes_gradients(opened: _Opened) -> None:
    expected = opened.expected()
    opened.forward("two")
    diff = np.ones((3, 4), np.float32)
    found = opened.session.backward({"two": diff}, ["kept", "one", "data"])
    kept = diff @ opened.weights["two"][0]
    one = kept * (expected["one"] > 0)
    wanted = {"kept": kept, "one": one, "data": one @ opened.weights["one"][0]}
    _require_near(found, wanted)


def _it_gathers(opened: _Opened) -> None:
    maps = np.random.default_rng(1).normal(size=(2, 3, 4, 5)).astype(np.float32)
    maps.flags.writeable = False  # the second run may take it for known
    at = np.array([0, 7, 19], np.int32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "maps.prototxt"
        path.write_text(_MAPS)
        with opened.engine.open(path) as session:
            for wanted in (at, at[:1]):
                asked = [("kept", wanted), ("data", wanted), ("kept", None)]
                some, fed, whole = session.gather({"data": maps}, asked)
                _require_near({"kept": whole}, {"kept": np.maximum(maps, 0)})
                flat = whole.reshape(2, 3, -1)
                assert np.array_equal(some, flat[:, :, wanted]), "it gathers other numbers"
                same = np.array_equal(np.maximum(fed, 0), some)
                assert same, "it gathers other numbers of an input"


def _it_times(opened: _Opened) -> None:
    seconds = opened.session.time(3, {"data": opened.data})
    assert len(seconds) == 3, f"asked for three runs, it times {len(seconds)}"
    assert min(seconds) > 0, "a run takes no time"


def _require_near(found: Arrays, wanted: Arrays) -> None:
    for name, array in wanted.items():
        off = np.abs(found[name] - array).max() / np.abs(array).max()
        assert found[name].shape == array.shape, f"{name!r} is {found[name].shape}"
        assert off <= _NOISE, f"{name!r} is off by {off:.1e} of its largest number"


def _require_refusal(call: Callable[[], object], what: str) -> None:
    told = ""
    try:
        call()
    except EngineError as error:
        told = str(error)
    assert told, f"it does not refuse, asked {what}"
    assert "\n" not in told, f"its error has several lines: {told}"


_ALWAYS = (
    _it_says_what_it_is,
    _its_session_can_what_it_says,
    _it_refuses_what_it_cannot,
    _it_tells_inputs_and_blobs,
    _it_computes_what_caffe_does,
    _it_does_the_same_again,
    _it_takes_other_batches,
    _it_gathers,
    _it_refuses_unknown_names,
    _it_refuses_files_that_are_not_there,
)
_WHERE_IT_CAN = (
    (Capability.READ_PARAMETERS, _it_reads_parameters),
    (Capability.SET_PARAMETERS, _it_sets_parameters),
    (Capability.GRADIENTS, _it_computes_gradients),
    (Capability.TIME, _it_times),
)
