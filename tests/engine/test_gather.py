"""Only what is looked at comes through the pipe, and inputs go through it once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from hypothesis import given, strategies as st

from netsurgery.engine.caffe import Caffe
from netsurgery.engine.process import Worker
from netsurgery.engine.workers.channel import answer_with, gathered

NET = """
    layer { name: "data" type: "Input" top: "data"
            input_param { shape { dim: 2 dim: 1 dim: 6 dim: 7 } } }
    layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
            convolution_param { num_output: 3 kernel_size: 3
                                weight_filler { type: "gaussian" std: 1 } } }
    layer { name: "relu" type: "ReLU" bottom: "conv" top: "relu" }
"""
IN_PLACE = """
    layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 2 } } }
    layer { name: "twice" type: "Power" bottom: "data" top: "data" power_param { scale: 2 } }
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "net.prototxt"
    path.write_text(text)
    return path


def samples(seed: int, *shape: int) -> np.ndarray:
    data = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    data.flags.writeable = False
    return data


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> List[List[int]]:
    """The bytes of the arrays of every request and of its answer."""
    crossed: List[List[int]] = []
    request = Worker.request

    def counted(self: Worker, command: str, arrays: Any = (), **arguments: Any) -> Any:
        answer, results = request(self, command, arrays, **arguments)
        if command == "forward":
            crossed.append([sum(array.nbytes for array in some) for some in (arrays, results)])
        return answer, results

    monkeypatch.setattr(Worker, "request", counted)
    return crossed


@given(st.data())
def test_what_is_gathered_is_what_lies_there(data: st.DataObject) -> None:
    blob = samples(0, 2, 3, 4, 5)
    numbers = data.draw(st.lists(st.integers(0, 19), unique=True).map(sorted))
    at = np.array(numbers, np.int32)
    found = gathered(blob, at)
    assert found.shape == (2, 3, len(at))
    for place, number in enumerate(numbers):
        assert np.array_equal(found[:, :, place], blob[:, :, number // 5, number % 5])
    whole, cut = answer_with([blob, blob], [False, True], [at])
    assert whole is blob
    assert np.array_equal(cut, found)


def test_only_what_is_looked_at_crosses_the_pipe(
    caffe: Caffe, tmp_path: Path, sent: List[List[int]]
) -> None:
    data, at = samples(0, 2, 1, 6, 7), np.array([3, 11], np.int32)
    with caffe.open(write(tmp_path, NET)) as session:
        whole = session.forward({"data": data}, ["relu"])["relu"]
        (some,) = session.gather({"data": data}, [("relu", at)])
    assert np.array_equal(some, gathered(whole, at))
    assert sent == [[data.nbytes, whole.nbytes], [at.nbytes, some.nbytes]]


def test_inputs_that_may_have_changed_are_sent_again(
    caffe: Caffe, tmp_path: Path, sent: List[List[int]]
) -> None:
    data = np.array(samples(0, 2, 1, 6, 7))
    with caffe.open(write(tmp_path, NET)) as session:
        first = session.forward({"data": data})["relu"]
        data *= -1
        second = session.forward({"data": data})["relu"]
    assert not np.array_equal(first, second)
    assert [fed for fed, _ in sent] == [data.nbytes] * 2


def test_inputs_are_known_after_other_requests(caffe: Caffe, tmp_path: Path) -> None:
    one, other = samples(0, 2, 1, 6, 7), samples(1, 2, 1, 6, 7)
    with caffe.open(write(tmp_path, NET)) as session:
        first = session.forward({"data": one})["relu"]
        session.time(1, {"data": other})
        assert np.array_equal(session.forward({"data": one})["relu"], first)
        removed = [{("conv", 0): np.arange(27)}]
        session.forward_without("conv", removed, ["relu"])
        assert np.array_equal(session.forward({"data": one})["relu"], first)
        assert not np.array_equal(session.forward({"data": other})["relu"], first)


def test_an_input_that_is_overwritten_is_fed_again(caffe: Caffe, tmp_path: Path) -> None:
    data = samples(0, 1, 2)
    with caffe.open(write(tmp_path, IN_PLACE)) as session:
        for _ in range(3):
            found = session.forward({"data": data}, ["data"])["data"]
            np.testing.assert_array_equal(found, 2 * data)
