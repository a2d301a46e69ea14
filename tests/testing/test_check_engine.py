"""The contract of engines: ours keep it, and what does not is seen."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest
from one_child_caffe import OneChildCaffe

from netsurgery.engine import Capability, engine
from netsurgery.engine.opencv import OpenCv, OpenCvSession
from netsurgery.testing import check_engine, engine_checks


def test_caffe_keeps_the_contract(trainer: OneChildCaffe) -> None:
    check_engine(trainer)


def test_opencv_keeps_the_contract(opencv: str) -> None:
    check_engine(engine("opencv"))


def test_checks_are_named_and_as_many_as_the_engine_can() -> None:
    names = [name for name, _ in engine_checks(engine("opencv"))]
    assert "it_computes_what_caffe_does" in names
    assert "it_reads_parameters" in names
    assert "it_computes_gradients" not in names
    assert "it_trains_as_caffe_does" not in names
    assert "it_trains_as_caffe_does" in dict(engine_checks(engine("caffe")))


def test_wrong_numbers_are_seen(opencv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = OpenCvSession.forward

    def wrong(self: OpenCvSession, *given: Any) -> Dict[str, np.ndarray]:
        return {name: array * np.float32(1.001) for name, array in right(self, *given).items()}

    monkeypatch.setattr(OpenCvSession, "forward", wrong)
    with pytest.raises(AssertionError, match=r"'one' is off by 1\.0e-03"):
        check_engine(engine("opencv"))


def test_what_it_cannot_though_it_says_so_is_seen(
    opencv: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = OpenCv.capabilities | {Capability.GRADIENTS}
    monkeypatch.setattr(OpenCv, "capabilities", claims)
    with pytest.raises(AssertionError, match="it says it can gradients, and has no backward"):
        check_engine(engine("opencv"))


def test_an_engine_that_is_not_here_is_told() -> None:
    with pytest.raises(AssertionError, match="it is not usable here"):
        check_engine(engine("caffe", python="/no/such/python"))
