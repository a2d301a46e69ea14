"""Which engines there are, which one is taken, and plugins that do not load."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Callable

import pytest

import netsurgery.registry
from netsurgery.engine import (
    Engine,
    Probe,
    choose,
    engine,
    engines,
    registry as engine_registry,
)
from netsurgery.engine.caffe import Caffe
from netsurgery.engine.opencv import OpenCv
from netsurgery.errors import EngineError
from netsurgery.registry import Registry

PLUGIN = """
from netsurgery.engine import Engine, Probe, register_engine

@register_engine
class Abacus(Engine):
    name = "abacus"

    def probe(self):
        return Probe(True, "1.0", "here")

    def unsupported(self, types):
        return list(types)

    def open(self, prototxt, weights=None, *, phase="TEST"):
        raise NotImplementedError
"""


def make_usable(monkeypatch: pytest.MonkeyPatch, **usable: bool) -> None:
    for kind in (Caffe, OpenCv):
        probe = Probe(usable.get(kind.name, False))
        monkeypatch.setattr(kind, "probe", lambda self, probe=probe: probe)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """A function that installs plugins: their entry point's name, and their module's source."""

    def install(**sources: str) -> None:
        for name, source in sources.items():
            (tmp_path / f"plugin_{name}.py").write_text(source)
        entries = [EntryPoint(name, f"plugin_{name}", "netsurgery.engines") for name in sources]
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(netsurgery.registry, "_entries", lambda group: entries)
        registry: Registry[Any] = Registry("netsurgery.engine", "netsurgery.engines")
        registry.register("caffe")(Caffe)
        registry.register("opencv")(OpenCv)
        monkeypatch.setattr(engine_registry, "_ENGINES", registry)
        for name in sources:
            sys.modules.pop(f"plugin_{name}", None)

    return install


def test_caffe_comes_before_opencv() -> None:
    assert [type(engine) for engine in engines()][:2] == [Caffe, OpenCv]


@pytest.mark.parametrize(
    ("usable", "expected"),
    [
        ({"caffe": True, "opencv": True}, "caffe"),
        ({"opencv": True}, "opencv"),
    ],
)
def test_the_default_is_the_first_that_is_usable(
    monkeypatch: pytest.MonkeyPatch, usable: dict, expected: str
) -> None:
    make_usable(monkeypatch, **usable)
    assert choose().name == expected


def test_options_make_an_engine_of_its_own(tmp_path: Path) -> None:
    assert engine("caffe") is engine("caffe")
    given = engine("caffe", python=tmp_path / "python", pythonpath=[tmp_path])
    assert f"cannot run {tmp_path / 'python'}" in given.probe().reason


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("tensorflow", {}, "no engine 'tensorflow'; choose among caffe, opencv"),
        ("opencv", {"python": "x"}, "engine 'opencv': .*unexpected keyword argument 'python'"),
    ],
)
def test_what_is_not_there_is_refused(name: str, options: dict, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        engine(name, **options)


def test_another_package_adds_an_engine(
    plugins: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins(abacus=PLUGIN)
    assert [engine.name for engine in engines()] == ["caffe", "opencv", "abacus"]
    make_usable(monkeypatch)
    found = choose()
    assert isinstance(found, Engine)
    assert found.name == "abacus"


def test_a_plugin_that_does_not_load_is_listed_with_its_error(
    plugins: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plugins(abacus=PLUGIN, broken="import no_such_library")
    make_usable(monkeypatch)
    assert [engine.name for engine in engines()] == ["caffe", "opencv", "abacus", "broken"]
    broken = engine("broken")
    assert not broken.capabilities
    assert not broken.probe().usable
    assert broken.probe().reason == "ModuleNotFoundError: No module named 'no_such_library'"
    assert broken.unsupported(["ReLU"]) == ["ReLU"]
    with pytest.raises(EngineError, match=r"'broken' did not load: .*no_such_library"):
        broken.open(tmp_path / "net.prototxt")
