"""Choosing an engine, and what becomes of a model in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Optional

import pytest
from calibration_nets import declared, layer, network
from small_models import two_layers

from netsurgery.calibration import random_inputs, running
from netsurgery.calibration.running import choose_engine, open_model
from netsurgery.engine import Engine, Probe
from netsurgery.errors import EngineError
from netsurgery.formats.convert import convert_weights
from netsurgery.network.model import Model
from netsurgery.verification import verify


class FakeEngine(Engine):
    """Knows which layers it can run, and runs nothing."""

    def __init__(self, name: str, *missing: str, usable: bool = True) -> None:
        self.name = name  # type: ignore[misc]
        self._missing = missing
        self._usable = usable

    def probe(self) -> Probe:
        return Probe(self._usable, "1", reason="" if self._usable else "not installed")

    def unsupported(self, types: Iterable[str]) -> list[str]:
        return [name for name in types if name in self._missing]

    def open(self, prototxt: Any, weights: Optional[Any] = None, *, phase: str = "TEST") -> Any:
        raise EngineError("cannot", file=prototxt, line=3)


SOFTMAX = network(declared("data", 1, 4) + layer("Softmax", "data", "prob"))


def offered(monkeypatch: pytest.MonkeyPatch, *engines: Engine) -> None:
    monkeypatch.setattr(running, "engines", lambda: list(engines))


def test_the_first_engine_that_can_run_all_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    able = FakeEngine("able")
    offered(monkeypatch, FakeEngine("absent", usable=False), FakeEngine("unable", "Softmax"), able)
    assert choose_engine(None, SOFTMAX, SOFTMAX) is able


def test_the_engine_that_was_asked_for() -> None:
    mine = FakeEngine("mine", "Softmax")
    assert choose_engine(mine, SOFTMAX) is mine
    assert choose_engine("caffe", SOFTMAX).name == "caffe"
    with pytest.raises(EngineError, match="no engine 'cafe'"):
        choose_engine("cafe", SOFTMAX)


def test_no_engine_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    offered(monkeypatch, FakeEngine("caffe", usable=False), FakeEngine("opencv", "Softmax"))
    with pytest.raises(EngineError) as caught:
        choose_engine(None, SOFTMAX)
    assert "caffe: not installed; opencv: cannot run layers of type Softmax" in str(caught.value)
    assert "pip install 'netsurgery[opencv]'" in str(caught.value)
    assert "netsurgery engines install caffe" in str(caught.value)


def test_errors_name_no_temporary_file() -> None:
    with pytest.raises(EngineError) as caught, open_model(FakeEngine("fake"), two_layers()):
        pass
    assert (caught.value.file, caught.value.line) == (None, None)


def test_every_value_is_in_reach_and_repeated_samples_are_cut(opencv: str) -> None:
    inputs = random_inputs(two_layers().network(), 3)
    with open_model(choose_engine(opencv), two_layers()) as runner:
        values = {str(value): value for value in runner.network.values}
        *_, last = inputs.batches(2)
        blobs = runner.run(last, {name: values[name] for name in ("fc6", "fc6@1", "fc7")})
    assert blobs["fc6"].min() < 0
    assert blobs["fc6@1"].min() == 0
    assert {name: blob.shape for name, blob in blobs.items()} == {
        "fc6": (1, 32),
        "fc6@1": (1, 32),
        "fc7": (1, 5),
    }


def test_hdf5_weights_run_in_every_engine(engine: str, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model = two_layers()
    hdf5 = Model(model.prototxt, convert_weights(model.weights, "hdf5"))
    found = verify(model, hdf5, engine=engine, expect="exact")
    assert found, found.reasons
    assert found.error == 0
