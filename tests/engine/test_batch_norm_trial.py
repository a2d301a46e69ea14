"""Whether an engine trains BatchNorm is found by letting it try."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import numpy as np
import pytest
from fake_engine import FakeEngine

from netsurgery.engine import Capability, Session, why_no_batch_statistics
from netsurgery.engine.caffe import Caffe
from netsurgery.errors import EngineError

TRAINS = (Capability.TRAIN, Capability.READ_PARAMETERS)


class NormalisingSession(Session):
    """Normalises by each batch as BVLC's layer does, but for what it is told to get wrong."""

    engine = "fake"

    def __init__(self, keeps: bool) -> None:
        self._sums, self._fraction = np.zeros(1), 0.999
        self._keeps = keeps

    def forward(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        (given,) = inputs.values()
        if self._keeps:
            self._sums = self._fraction * self._sums + given.mean(axis=0)
        spread = np.sqrt(given.var(axis=0) + 1e-5)
        return {"normalised": ((given - given.mean(axis=0)) / spread).astype(np.float32)}

    def parameters(self) -> Dict[str, List[np.ndarray]]:
        return {"normalised": [self._sums, self._sums, np.ones(1)]}

    def close(self) -> None:
        pass


class TryingEngine(FakeEngine):
    """Opens such sessions, and says which phases were asked for."""

    def __init__(self, keeps: bool = True, **given: Any) -> None:
        super().__init__("fake", can=TRAINS, **given)
        self.phases: List[str] = []
        self._keeps = keeps

    def open(self, prototxt: Any, weights: Any = None, *, phase: str = "TEST") -> Session:
        assert "BatchNorm" in Path(prototxt).read_text()
        self.phases.append(phase)
        return NormalisingSession(self._keeps)


def test_the_wheel_of_the_tests_does_not_train_it(caffe: Caffe) -> None:
    reason = why_no_batch_statistics(caffe)
    assert reason == (
        "caffe takes no statistics of a batch: a BatchNorm of 1, 2, 3, 4 gives"
        " 316.2, 632.5, 948.7, 1265"
    )


def test_an_engine_that_does_is_asked_once() -> None:
    engine = TryingEngine()
    assert [why_no_batch_statistics(engine) for _ in range(2)] == ["", ""]
    assert engine.phases == ["TRAIN"]


def test_what_is_not_kept_is_seen() -> None:
    reason = why_no_batch_statistics(TryingEngine(keeps=False))
    assert reason.endswith("of 1, 2, 3, 4 keeps a sum of 0, which is to be 2.5")


def test_an_engine_that_cannot_train_is_not_tried() -> None:
    reason = why_no_batch_statistics(FakeEngine("forward"))
    assert reason == "forward cannot do this: read parameters, train"


def test_an_engine_that_refuses_the_layer_says_why() -> None:
    assert why_no_batch_statistics(FakeEngine("fake", can=TRAINS)) == (
        "fake runs no such layer: cannot"
    )


def test_an_engine_that_is_not_here_is_an_error() -> None:
    with pytest.raises(EngineError, match="fake cannot be used here: not installed"):
        why_no_batch_statistics(TryingEngine(usable=False))
