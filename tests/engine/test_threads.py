"""How many threads Caffe's BLAS is told to use."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from netsurgery.engine import caffe as engine
from netsurgery.engine.caffe import Caffe
from netsurgery.engine.process import Worker
from netsurgery.linalg.threads import VARIABLES, blas_variables

NET = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 } } }
    layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
            inner_product_param { num_output: 2 } }
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> List[Dict[str, str]]:
    """What each child is told, of a user who says nothing and has three cores."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(engine, "thread_count", lambda: 3)
    given: List[Dict[str, str]] = []

    class Told(Worker):
        def __init__(self, python: str, script: Path, environment: Any, *more: Any) -> None:
            given.append({name: environment.get(name, "") for name in VARIABLES})
            super().__init__(python, script, environment, *more)

    monkeypatch.setattr(engine, "Worker", Told)
    return given


@pytest.mark.parametrize(("limit", "threads"), [(64e6, "1"), (10, "3")])
def test_only_large_nets_get_several(
    caffe: Caffe,
    tmp_path: Path,
    told: List[Dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    limit: float,
    threads: str,
) -> None:
    monkeypatch.setattr(engine, "_LARGE_FILE", limit)
    prototxt, weights = tmp_path / "net.prototxt", tmp_path / "net.caffemodel"
    prototxt.write_text(NET)
    with caffe.open(prototxt) as session:
        session.save(weights)
    with caffe.open(prototxt, weights) as session:
        assert session.outputs == ("ip",)
    assert told == [dict.fromkeys(VARIABLES, "1"), dict.fromkeys(VARIABLES, threads)]


def test_what_the_user_says_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert set(blas_variables(2).values()) == {"2"}
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert blas_variables(2) == {}
