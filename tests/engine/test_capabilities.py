"""An engine has the methods of what it says it can do, and refuses all others."""

from __future__ import annotations

import inspect
from typing import Any, Dict, Mapping, Sequence, Type

import numpy as np
import pytest
from zoo_pairs import Pair

from netsurgery.engine import SESSION_METHODS, Capability, Engine, Session, engine as engine_named
from netsurgery.engine.caffe import Caffe, CaffeSession
from netsurgery.engine.opencv import OpenCv, OpenCvSession
from netsurgery.engine.session import WorkerSession
from netsurgery.errors import EngineError


class Least(Session):
    """All that a session must have."""

    engine = "least"

    def forward(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        return {}

    def close(self) -> None:
        pass


def asked(session: Session, method: str) -> Any:
    """Call a method, or read it if it is no function, with arguments of no meaning."""
    if isinstance(inspect.getattr_static(session, method), property):
        return getattr(session, method)
    function = getattr(session, method)
    needed = [
        one for one in inspect.signature(function).parameters.values() if one.default is one.empty
    ]
    return function(*[{} for _ in needed])


@pytest.mark.parametrize(
    "capability", [one for one in SESSION_METHODS if one is not Capability.FORWARD]
)
def test_what_an_engine_cannot_do_is_refused_in_words(capability: Capability) -> None:
    for method in SESSION_METHODS[capability]:
        with pytest.raises(EngineError, match=f"^least cannot do this: {capability}$"):
            asked(Least(), method)


@pytest.mark.parametrize(("engine", "session"), [(Caffe, CaffeSession), (OpenCv, OpenCvSession)])
@pytest.mark.parametrize("capability", SESSION_METHODS)
def test_a_capability_is_what_its_methods_are_written_for(
    engine: Type[Engine], session: Type[Session], capability: Capability
) -> None:
    for method in SESSION_METHODS[capability]:
        written = getattr(session, method) is not getattr(Session, method)
        assert written == (capability in engine.capabilities), method


def test_every_method_of_a_session_belongs_to_a_capability() -> None:
    public = {name for name in vars(Session) if not name.startswith("_")}
    methods = {name for names in SESSION_METHODS.values() for name in names}
    # `gather` runs the net forward and cuts what it makes: who can do one can do the other.
    # `batch` says of any engine what it was fed the last time.
    assert public - methods == {"close", "engine", "gather", "batch"}


def test_caffe_trains_and_opencv_says_that_it_does_not(
    caffe: Caffe, opencv: OpenCv, lenet: Pair
) -> None:
    assert caffe.can(Capability.TRAIN, Capability.RESUME)
    with caffe.open(lenet.prototxt, lenet.weights, phase="TRAIN") as session:
        assert session.outputs
    assert not opencv.can(Capability.TRAIN)
    with pytest.raises(EngineError, match="no phase but TEST"):
        opencv.open(lenet.prototxt, lenet.weights, phase="TRAIN")


def test_a_worker_names_its_file_when_it_refuses(opencv: OpenCv, lenet: Pair) -> None:
    with opencv.open(lenet.prototxt, lenet.weights) as session:
        assert isinstance(session, WorkerSession)
        with pytest.raises(
            EngineError, match=f"{lenet.prototxt}: opencv cannot do this: gradients"
        ):
            session.backward({}, [])


def test_engines_run_on_the_cpu_if_nobody_says_otherwise() -> None:
    assert {engine_named(name).device for name in ("caffe", "opencv")} == {"cpu"}
    assert engine_named("caffe", device="cuda:1").device == "cuda:1"
    assert not engine_named("opencv").can(Capability.DEVICE)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "cpu:0", ""])
def test_devices_that_caffe_has_not(device: str) -> None:
    with pytest.raises(EngineError, match=r"engine caffe has no device .* give cpu, cuda or"):
        engine_named("caffe", device=device)


def test_a_caffe_without_gpus_says_so_when_it_is_asked(caffe_python: str, lenet: Pair) -> None:
    """In Caffe's own words; the wheel of the tests is built for the CPU."""
    engine = Caffe(caffe_python, device="cuda")
    probe = engine.probe()
    assert not probe.usable
    assert "Cannot use GPU in CPU-only Caffe" in probe.reason
    with pytest.raises(EngineError, match="Cannot use GPU in CPU-only Caffe"):
        engine.open(lenet.prototxt, lenet.weights)
