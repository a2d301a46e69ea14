"""Models and engines that these tests share."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Callable

import pytest
import zoo_pairs
from zoo_pairs import Pair

from netsurgery.engine.caffe import Caffe
from netsurgery.engine.opencv import OpenCv


@pytest.fixture(params=zoo_pairs.NAMES)
def pair(request: pytest.FixtureRequest, zoo: Path) -> Pair:
    return zoo_pairs.find(zoo, request.param)


@pytest.fixture(scope="session")
def lenet(zoo: Path) -> Pair:
    return zoo_pairs.find(zoo, "lenet_ethereon")


@pytest.fixture(scope="session")
def caffe(caffe_python: str) -> Caffe:
    return Caffe(caffe_python)


@pytest.fixture(scope="session")
def opencv() -> OpenCv:
    engine = OpenCv()
    probe = engine.probe()
    if not probe.usable:
        (pytest.fail if os.environ.get("NETSURGERY_REQUIRE_ALL") else pytest.skip)(probe.reason)
    return engine


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """A function that writes a prototxt and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "net.prototxt"
        path.write_text(textwrap.dedent(text))
        return path

    return write
