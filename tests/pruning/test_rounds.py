"""Rounds of pruning and tuning, and a loop that was killed at any moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from numpy_trainer import NumpyTrainer
from small_training import classifier, samples

from netsurgery.calibration import Inputs
from netsurgery.errors import FormatError
from netsurgery.network import Masks, Model, prunable
from netsurgery.progress import Progress, silent
from netsurgery.pruning import Masking, prune_in_rounds, round_sparsities
from netsurgery.saliency import saliency
from netsurgery.training import Tuned, TuningSettings, tune

FC1, FC2 = ("fc1", 0), ("fc2", 0)
SPARSITIES = round_sparsities(0.75, 3)


class Tuner:
    """Tunes the classifier on its samples, and may be killed in a round."""

    def __init__(self, killed_in: int = 0, after: bool = False) -> None:
        self.killed_in, self.after = killed_in, after
        self.rounds: List[str] = []

    def __call__(self, model: Model, masks: Masks, folder: Path) -> Tuned:
        self.rounds.append(folder.name)
        last = len(self.rounds) == self.killed_in
        if last and not self.after:
            raise KeyboardInterrupt
        arrays = samples()
        inputs = Inputs({"data": arrays["data"]}, arrays["label"].astype(int), "samples")
        settings = TuningSettings(
            steps=20, batch=8, rate=0.05, validate_every=5, patience=None, engine=NumpyTrainer()
        )
        tuned = tune(model, None, inputs, settings, folder, masks=masks)
        if last:
            raise KeyboardInterrupt
        return tuned


def run(folder: Path, tuner: Tuner, progress: Progress = silent) -> Any:
    model = classifier()
    masking = Masking(saliency("magnitude"), prunable(model))
    return prune_in_rounds(model, masking, SPARSITIES, tuner, folder, progress=progress)


def arrays_of(model: Model) -> List[np.ndarray]:
    return [blob.array() for name in ("fc1", "fc2") for blob in model.blobs(name)]


def test_each_round_closes_more_and_tunes_the_rest(tmp_path: Path) -> None:
    done = run(tmp_path, Tuner())
    shares = [one.facts["sparsity"] for one in done.rounds]
    assert shares == pytest.approx(SPARSITIES, abs=0.5 / 42)
    assert [one.steps for one in done.rounds] == [20] * 3
    weights = {key: done.tuned.model.blobs(key[0])[0] for key in (FC1, FC2)}
    for key, blob in weights.items():
        assert not blob.array()[~done.masks[key]].any()
        assert np.array_equal(blob.mask, done.masks[key])
    assert done.rounds[-1].best.judged.loss <= done.rounds[-1].start.judged.loss


@pytest.mark.parametrize(("killed_in", "after"), [(1, True), (2, False), (2, True), (3, True)])
def test_a_loop_that_was_killed_ends_in_the_same_bits(
    tmp_path: Path, killed_in: int, after: bool
) -> None:
    whole = run(tmp_path / "whole", Tuner())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", Tuner(killed_in, after))
    tuner = Tuner()
    resumed = run(tmp_path / "killed", tuner)
    assert tuner.rounds == [f"round-{number:02}" for number in range(killed_in, 4)]
    same = zip(arrays_of(whole.tuned.model), arrays_of(resumed.tuned.model))
    assert all(np.array_equal(a.view(np.uint32), b.view(np.uint32)) for a, b in same)
    assert resumed.rounds == whole.rounds


def test_rounds_are_counted_those_before_a_kill_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Tuner(killed_in=2))
    told: List[str] = []
    run(tmp_path, Tuner(), Progress(lambda event: told.append(str(event))))
    assert [one for one in dict.fromkeys(told) if "rounds" in one][1:] == [
        f"rounds, {number} of 3 rounds" for number in (1, 2, 3)
    ]


def test_a_round_that_is_half_written_begins_again(tmp_path: Path) -> None:
    (tmp_path / "round-01" / "start.part").mkdir(parents=True)
    assert len(run(tmp_path, Tuner()).rounds) == 3


def test_a_damaged_round_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Tuner(2))
    (tmp_path / "round-01" / "done.json").write_text("{}")
    with pytest.raises(FormatError, match="this round of a loop is damaged") as caught:
        run(tmp_path, Tuner())
    assert str(tmp_path / "round-01" / "done.json") in str(caught.value)
