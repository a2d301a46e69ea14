"""One child process for several models, one after another, in both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest
import zoo_pairs
from zoo_pairs import Pair, distance

from netsurgery.engine import Engine, Probe, Session
from netsurgery.engine.caffe import Caffe
from netsurgery.engine.process import Worker
from netsurgery.errors import EngineError


@pytest.fixture(params=["caffe", "opencv"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def other(zoo: Path) -> Pair:
    return zoo_pairs.find(zoo, "mtcnn_det3")


def answer(session: Session) -> dict[str, np.ndarray]:
    ((name, shape),) = session.inputs.items()
    return session.forward({name: np.random.default_rng(1).random(shape, np.float32)})


def test_a_model_in_the_place_of_another_answers_as_if_alone(
    engine: Engine, lenet: Pair, other: Pair, started: list[Worker]
) -> None:
    engine.probe()
    with engine.open(other.prototxt, other.weights) as session:
        alone, blobs = answer(session), session.blobs
    started.clear()
    first = engine.open(lenet.prototxt, lenet.weights)
    with engine.reopen(first, other.prototxt, other.weights) as session:
        assert session.blobs == blobs
        # The same engine, the same sums in the same order.
        assert max(distance(answer(session), alone).values()) == 0
        assert len(started) == 1


def test_a_session_without_its_process_says_so(engine: Engine, lenet: Pair, other: Pair) -> None:
    first = engine.open(lenet.prototxt, lenet.weights)
    with engine.reopen(first, other.prototxt, other.weights) as session:
        first.close()
        with pytest.raises(EngineError, match="another model took the place of this one"):
            first.parameters()
        with pytest.raises(EngineError, match="another model took the place of this one"):
            engine.reopen(first, lenet.prototxt, lenet.weights)
        assert answer(session)


def test_files_that_are_not_there_leave_the_session_as_it_was(
    engine: Engine, lenet: Pair, tmp_path: Path
) -> None:
    with engine.open(lenet.prototxt, lenet.weights) as session:
        with pytest.raises(EngineError, match="no such file"):
            engine.reopen(session, tmp_path / "net.prototxt")
        assert answer(session)


def test_a_net_that_caffe_refuses_is_named_with_its_layer(
    caffe: Caffe, lenet: Pair, write: Callable[[str], Path]
) -> None:
    refused = write("""
        layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 4 } } }
        layer { name: "odd" type: "Slice" bottom: "data" top: "a" top: "b" top: "c" }
    """)
    with pytest.raises(EngineError) as caught:
        caffe.reopen(caffe.open(lenet.prototxt, lenet.weights), refused)
    assert (caught.value.file, caught.value.layer) == (str(refused), "odd")


def test_an_engine_that_cannot_do_it_opens_the_model_anew(lenet: Pair) -> None:
    calls: list[str] = []

    class Closed(Session):
        def __init__(self) -> None:
            pass

        def forward(self, inputs: Any, blobs: Any = ()) -> Any:
            return {}

        def close(self) -> None:
            calls.append("close")

    class Plain(Engine):
        name = "plain"

        def probe(self) -> Probe:
            return Probe(True)

        def unsupported(self, types: Any) -> list[str]:
            return []

        def open(self, prototxt: Any, weights: Any = None, *, phase: str = "TEST") -> Session:
            calls.append(f"open {phase}")
            return Closed()

    engine = Plain()
    session = engine.open(lenet.prototxt)
    engine.reopen(session, lenet.prototxt, phase="TRAIN")
    assert calls == ["open TEST", "close", "open TRAIN"]
