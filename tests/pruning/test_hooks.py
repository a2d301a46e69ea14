"""What hooks of a trainer have in common: the solver gets its memory back, whatever happens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, List

import numpy as np
import pytest
from small_training import classifier

from netsurgery.calibration import Calibrator, Inputs, SessionPool
from netsurgery.errors import EngineError
from netsurgery.network import Model, prunable
from netsurgery.pruning import (
    CubicRamp,
    DynamicSurgery,
    GradualPruning,
    Masking,
    ProjectedSparsity,
)
from netsurgery.saliency import saliency


def hook(kind: Any, model: Model, calibrator: Calibrator) -> Any:
    masking = Masking(saliency("magnitude"), prunable(model))
    how = (0.5, 40) if kind is ProjectedSparsity else (CubicRamp(0.5, 40),)
    return kind(model, masking, *how, calibrator=calibrator)


@pytest.mark.parametrize("kind", [GradualPruning, DynamicSurgery, ProjectedSparsity])
def test_engines_are_closed_also_where_a_saliency_fails(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise EngineError("out of memory")

    closed: List[SessionPool] = []
    monkeypatch.setattr(SessionPool, "close", lambda pool: closed.append(pool))
    monkeypatch.setattr(Masking, "net", failing)
    model = classifier()
    calibrator = Calibrator(Inputs({"data": np.zeros((2, 4), np.float32)}, None, "zeros"))
    arrays = {name: [blob.array() for blob in model.blobs(name)] for name in ("fc1", "fc2")}
    session = SimpleNamespace(masks={}, parameters=lambda names, hidden=False: arrays)
    with pytest.raises(EngineError, match="out of memory"):
        hook(kind, model, calibrator).before(0, session)
    assert closed == [calibrator.sessions]
