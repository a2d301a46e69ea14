"""Which engine does a job, and what is said where none can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine

from netsurgery.engine import (
    Capability,
    Engine,
    choose,
    choose_judges,
    choosing,
    how_to_get_an_engine,
    requested_engine,
    usable_engines,
)
from netsurgery.engine.caffe import Caffe
from netsurgery.engine.opencv import OpenCv
from netsurgery.errors import EngineError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Network

INPUT = 'input: "data" input_shape { dim: 1 dim: 4 dim: 6 dim: 6 }\n'


def net(*layers: str) -> Network:
    text = INPUT + "".join(
        f'layer {{ name: "odd{n}" bottom: "data" top: "top{n}" {layer} }}\n'
        for n, layer in enumerate(layers)
    )
    return Network.of(Prototxt.parse(text.encode(), "some.prototxt"))


SOFTMAX = net('type: "Softmax"')
FLOOR = net('type: "Pooling" pooling_param { kernel_size: 2 round_mode: FLOOR }')
GRADIENTS, TIME = Capability.GRADIENTS, Capability.TIME


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that says which engines there are."""

    def offered(*engines: Engine) -> None:
        monkeypatch.setattr(choosing, "engines", lambda: list(engines))

    return offered


def test_the_first_engine_that_can_run_all_nets(offer: Any) -> None:
    able = FakeEngine("able")
    offer(FakeEngine("absent", usable=False), FakeEngine("unable", "Softmax"), able)
    assert choose(None, [SOFTMAX, SOFTMAX]) is able
    assert [one.engine for one in choose_judges(None, [SOFTMAX])] == [able]
    assert [one.name for one in usable_engines()] == ["unable", "able"]


def test_the_first_engine_that_can_do_what_is_needed(offer: Any) -> None:
    offer(FakeEngine("first"), FakeEngine("second", can=[TIME]), FakeEngine("third", can=[TIME]))
    assert choose().name == "first"
    assert choose(needs=[TIME]).name == "second"
    assert [one.name for one in usable_engines(TIME)] == ["second", "third"]


def test_an_engine_that_computes_otherwise_than_caffe_is_passed_over(offer: Any) -> None:
    plain = FakeEngine("plain")
    offer(OpenCv(), plain)
    assert choose(None, [FLOOR]) is plain


def test_the_engine_that_was_asked_for() -> None:
    mine = FakeEngine("mine", "Softmax")
    assert choose(mine, [SOFTMAX]) is mine
    assert choose("caffe", [SOFTMAX]).name == "caffe"
    with pytest.raises(EngineError, match="no engine 'cafe'"):
        choose("cafe", [SOFTMAX])


def test_the_engine_that_was_asked_for_cannot_do_it() -> None:
    with pytest.raises(EngineError) as caught:
        choose("opencv", needs=[GRADIENTS, Capability.WRITE_WEIGHTS])
    assert caught.value.problem == "engine opencv cannot do this: gradients, write weights"
    assert caught.value.remedy == "leave the engine out, or name caffe"


def test_no_engine_at_all(offer: Any) -> None:
    offer(
        FakeEngine("a", usable=False, installation="pip install a"),
        FakeEngine("b", "Softmax", installation="make b"),
        OpenCv(),
    )
    with pytest.raises(EngineError) as caught:
        choose(None, [SOFTMAX, FLOOR])
    said = str(caught.value)
    assert "a: not installed; b: b cannot run a layer of type Softmax; opencv: OpenCV" in said
    assert said.startswith("some.prototxt: no engine can run this net")
    assert said.endswith(
        "; install one with `pip install a` or `make b` or `pip install 'netsurgery[opencv]'`"
    )


def test_ways_to_get_an_engine_are_those_of_engines_that_would_do(offer: Any) -> None:
    offer(
        FakeEngine("a", usable=False, can=[TIME], installation="pip install a"),
        FakeEngine("b", installation="make b"),
    )
    with pytest.raises(EngineError) as caught:
        choose(needs=[TIME])
    assert str(caught.value) == (
        "no engine can do this: time (a: not installed; b: cannot do this: time); "
        "install one with `pip install a`"
    )
    assert how_to_get_an_engine(GRADIENTS) == "install one that can"


def test_who_drops_a_field_may_not_judge(offer: Any) -> None:
    deaf = FakeEngine("deaf", drops=["one", "two", "two", "three", "four"])
    offer(deaf, FakeEngine("heeding"))
    found = {one.engine.name: one.objection for one in choose_judges(None, [SOFTMAX])}
    assert found == {
        "deaf": "does not know one, two, three, and runs the net without",
        "heeding": "",
    }
    assert [one.engine for one in choose_judges(deaf, [SOFTMAX])] == [deaf]


def test_what_a_user_asks_for_by_options(tmp_path: Path) -> None:
    assert requested_engine() is None
    assert requested_engine(python=None, pythonpath=None) is None
    assert requested_engine("opencv") is requested_engine("opencv", python=None)
    for name in (None, "caffe"):
        found = requested_engine(name, python=tmp_path / "python", pythonpath=None)
        assert isinstance(found, Caffe)
        assert f"cannot run {tmp_path / 'python'}" in found.probe().reason
    with pytest.raises(EngineError, match="no engine takes python, wings"):
        requested_engine(python="x", wings=2)
    with pytest.raises(EngineError, match=r"engine 'opencv': .*'python'"):
        requested_engine("opencv", python="x")


def test_options_choose_an_engine_that_is_usable(offer: Any, monkeypatch: Any) -> None:
    class First(FakeEngine):
        def __init__(self, name: str = "first", wings: int = 0) -> None:
            super().__init__(name, usable=False)

    class Second(FakeEngine):
        def __init__(self, name: str = "second", wings: int = 0) -> None:
            super().__init__(name)

    offer(First(), Second())
    monkeypatch.setattr(choosing, "engine_named", lambda name, **options: (name, options))
    assert requested_engine(wings=2) == ("second", {"wings": 2})
