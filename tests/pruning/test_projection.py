"""A net is trained under a bound of non-zeros: what became zero may grow, until the bound holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from small_training import classifier, plan, same_bits, trainer

from netsurgery.engine import TrainingSession, choose
from netsurgery.network import prunable, sparsity_of
from netsurgery.pruning import Masking, ProjectedSparsity
from netsurgery.saliency import saliency

STEPS, SPARSITY = 40, 28 / 42


class Watched(ProjectedSparsity):
    """Remembers what it found and left, and may be killed in between."""

    def __init__(self, killed_at: int = -1) -> None:
        model = classifier()
        masking = Masking(saliency("magnitude"), prunable(model))
        super().__init__(model, masking, SPARSITY, STEPS)
        self.keys, self.killed_at = masking.keys, killed_at
        self.found: Dict[int, Any] = {}
        self.left: Dict[int, Any] = {}

    def before(self, iteration: int, session: TrainingSession) -> None:
        if iteration == self.killed_at:
            raise KeyboardInterrupt
        self.found[iteration] = self._weights(session)
        super().before(iteration, session)
        self.left[iteration] = self._weights(session)

    def _weights(self, session: TrainingSession) -> np.ndarray:
        arrays = session.parameters()
        return np.concatenate([arrays[name][index].ravel() for name, index in self.keys])


def run(folder: Path, hook: Any, **given: Any) -> Any:
    return trainer(folder, plan(STEPS, patience=None), hooks=[hook], **given).run()


def test_it_projects_onto_the_largest_weights_and_lets_the_others_grow(tmp_path: Path) -> None:
    hook = Watched()
    run(tmp_path, hook)
    assert list(hook.found) == [0, 15, 30]
    assert hook.settled_at == 30
    for found, left in zip(hook.found.values(), hook.left.values()):
        kept = round((1 - SPARSITY) * found.size)
        largest = np.argsort(-np.abs(found), kind="stable")[:kept]
        expected = np.zeros_like(found)
        expected[largest] = found[largest]
        assert np.array_equal(left, expected)
    zero = hook.left[0] == 0
    assert np.count_nonzero(hook.found[15][zero]) > zero.sum() // 2


def test_the_bound_holds_in_the_end(tmp_path: Path) -> None:
    trained = run(tmp_path, Watched())
    assert sparsity_of(trained.masks) == pytest.approx(SPARSITY, abs=1e-9)
    for (name, index), mask in trained.masks.items():
        assert not trained.arrays[name][index][~mask].any()
        assert trained.arrays[name][index][mask].all()
    assert trained.best > 30


def test_what_was_closed_before_never_opens(tmp_path: Path) -> None:
    (name, index), *_ = prunable(classifier())
    shape = classifier().blobs(name)[index].shape
    held = np.arange(int(np.prod(shape))).reshape(shape) % 4 > 0
    trained = run(tmp_path, Watched(), masks={(name, index): held})
    assert not trained.masks[name, index][~held].any()
    assert sparsity_of(trained.masks) == pytest.approx(SPARSITY, abs=1e-9)


@pytest.mark.parametrize("killed_at", [15, 30])
def test_a_run_that_was_killed_ends_in_the_same_bits(tmp_path: Path, killed_at: int) -> None:
    whole = run(tmp_path / "whole", Watched())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", Watched(killed_at))
    resumed = run(tmp_path / "killed", Watched())
    assert resumed.resumed_from is not None
    assert same_bits(whole, resumed)
    assert all(np.array_equal(whole.masks[key], resumed.masks[key]) for key in whole.masks)


@pytest.mark.usefixtures("caffe")
def test_a_run_in_real_caffe_that_was_killed_ends_in_the_same_bits(tmp_path: Path) -> None:
    """Momentum goes on through a projection, and is a part of the state."""
    engine = choose("caffe", [])
    whole = run(tmp_path / "whole", Watched(), engine=engine)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", Watched(15), engine=engine)
    resumed = run(tmp_path / "killed", Watched(), engine=engine)
    assert resumed.resumed_from == 15
    assert same_bits(whole, resumed)
    for (name, index), mask in whole.masks.items():
        assert not whole.arrays[name][index][~mask].any()
