"""Weights close while a net is trained: by a ramp, for good, and the same after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from small_training import classifier, plan, same_bits, trainer

from netsurgery.engine import TrainingSession
from netsurgery.network import Masks, prunable, sparsity_of
from netsurgery.pruning import CubicRamp, GradualPruning, Masking
from netsurgery.saliency import saliency

STEPS, SPARSITY = 40, 0.75


class Watched(GradualPruning):
    """Remembers the masks that it set, and may be killed in between."""

    def __init__(self, killed_at: int = -1) -> None:
        model = classifier()
        masking = Masking(saliency("magnitude"), prunable(model))
        super().__init__(model, masking, CubicRamp(SPARSITY, STEPS, every=6))
        self.killed_at = killed_at
        self.seen: List[Masks] = []

    def before(self, iteration: int, session: TrainingSession) -> None:
        if iteration == self.killed_at:
            raise KeyboardInterrupt
        super().before(iteration, session)
        self.seen.append(session.masks)


def run(folder: Path, hook: Any) -> Any:
    return trainer(folder, plan(STEPS, patience=None), hooks=[hook]).run()


def test_more_and_more_weights_close_for_good(tmp_path: Path) -> None:
    hook = Watched()
    trained = run(tmp_path, hook)
    shares = [sparsity_of(masks) for masks in hook.seen]
    assert (
        len(shares) == 4
    )  # before iterations 6, 12, 18 and 24: nothing is scored to close nothing
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(SPARSITY, abs=0.02)
    for before, after in zip(hook.seen, hook.seen[1:]):
        assert all(not (after[key] & ~before[key]).any() for key in before)
    for (name, index), mask in trained.masks.items():
        assert not trained.arrays[name][index][~mask].any()
        assert trained.arrays[name][index][mask].all()
    assert trained.best > hook.settled_at == 24


@pytest.mark.parametrize("killed_at", [6, 18, 24])
def test_a_run_that_was_killed_closes_the_same(tmp_path: Path, killed_at: int) -> None:
    whole = run(tmp_path / "whole", Watched())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", Watched(killed_at))
    resumed = run(tmp_path / "killed", Watched())
    assert resumed.resumed_from is not None
    assert same_bits(whole, resumed)
    assert all(np.array_equal(whole.masks[key], resumed.masks[key]) for key in whole.masks)
