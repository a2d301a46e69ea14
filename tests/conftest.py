"""What tests share: the shared folder, real Caffe, and when a skip counts as a failure."""

from __future__ import annotations

import functools
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, List

import pytest
from hypothesis import HealthCheck, settings
from one_child_caffe import OneChildCaffe
from quick_caffe import QuickCaffe

from netsurgery.engine.process import Worker

# A Caffe that starts with one thread starts in half the time; it only changes how long tests take.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# How fast examples are drawn and run says how busy the machine is, and nothing of what is tested.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
REQUIRE_ALL = "NETSURGERY_REQUIRE_ALL"


def skip_or_fail(reason: str) -> None:
    """Skip the running test, or fail it where the environment promises that nothing is missing."""
    if os.environ.get(REQUIRE_ALL):
        pytest.fail(f"{reason} ({REQUIRE_ALL} is set)")
    pytest.skip(reason)


@functools.cache
def find_caffe_python() -> str:
    """Path of an interpreter that imports real pycaffe, or ``""``."""
    for python in (os.environ.get("NETSURGERY_CAFFE_PYTHON", ""), sys.executable):
        if not python:
            continue
        probe = subprocess.run([python, "-c", "import caffe; caffe.Net"], capture_output=True)
        if probe.returncode == 0:
            return python
    return ""


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for what calibration learns, so that no test finds what another left."""
    folder = tmp_path_factory.getbasetemp() / f"cache-{secrets.token_hex(8)}"
    monkeypatch.setenv("NETSURGERY_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real models, data and prototxts beside the checkout."""
    if not SHARED.is_dir():
        skip_or_fail(f"needs {SHARED}, which is not here")
    return SHARED


@pytest.fixture(scope="session")
def zoo(shared: Path) -> Path:
    """The folder of real trained models."""
    return shared / "zoo"


@pytest.fixture(scope="session")
def caffe_python() -> str:
    """An interpreter that has real pycaffe."""
    python = find_caffe_python()
    if not python:
        skip_or_fail("needs real Caffe: set NETSURGERY_CAFFE_PYTHON")
    return python


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> List[Worker]:
    """The child processes that are started."""
    workers: List[Worker] = []
    start = Worker.__init__

    def remember(self: Worker, *given: Any) -> None:
        workers.append(self)
        start(self, *given)

    monkeypatch.setattr(Worker, "__init__", remember)
    return workers


@pytest.fixture(params=["caffe", "opencv"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def caffe(caffe_python: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the engine that is real Caffe."""
    monkeypatch.setenv("NETSURGERY_CAFFE_PYTHON", caffe_python)
    return "caffe"


@pytest.fixture(scope="session")
def quick_caffe(caffe_python: str) -> Iterator[QuickCaffe]:
    """Real Caffe for tests that run many small nets."""
    engine = QuickCaffe(caffe_python)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def trainer(caffe_python: str) -> Iterator[OneChildCaffe]:
    """Real Caffe that trains one net after the other in one process."""
    engine = OneChildCaffe(caffe_python)
    yield engine
    engine.end()


@pytest.fixture
def opencv() -> str:
    """The name of the engine that is OpenCV."""
    pytest.importorskip("cv2")
    return "opencv"
