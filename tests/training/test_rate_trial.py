"""A learning rate is found by trying, from the same net on the same batches each time."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pytest
from numpy_trainer import NumpyTrainer
from small_training import LossJudge, SampleFeed, classifier, samples, training_net_of

from netsurgery.engine import TrainingSession
from netsurgery.errors import EngineError
from netsurgery.training.history import Judged
from netsurgery.training.rate_trial import RATES, TRIAL_STEPS, find_rate
from netsurgery.training.solver_settings import SolverSettings

SETTINGS = SolverSettings(stepvalue=(3,), max_iter=1000)


def trial(judge: Any, feed: Any = None, **others: Any) -> Any:
    net = training_net_of(classifier())
    engine = others.pop("engine", None) or NumpyTrainer()
    feed = feed or SampleFeed(samples())
    return find_rate(net, feed, judge, SETTINGS, engine, **others)


def test_the_best_of_the_rates_is_taken() -> None:
    found = trial(LossJudge(samples(40, 9)))
    assert found.rate == min(found.losses, key=lambda rate: found.losses[rate])
    assert found.losses[found.rate] < found.before < 2
    assert found.rate >= 1e-2  # the net starts from random weights
    assert found.told == f"the best of {len(found.losses)} that were tried for 20 steps each"


class Remembering:
    """A judge that tells the number of the trial, and keeps the weights it saw."""

    def __init__(self, losses: List[float]) -> None:
        self.losses, self.seen = losses, []

    def judge(self, session: TrainingSession) -> Judged:
        self.seen.append((session.iterations, session.parameters()["fc1"][0]))
        return Judged(self.losses[len(self.seen) - 1])


def test_trials_end_where_higher_rates_only_do_worse() -> None:
    feed, judge = SampleFeed(samples()), Remembering([9, 5, 4, 3, 3.5, 8, 0, 0])
    found = trial(judge, feed)
    assert (found.rate, len(found.losses), found.before) == (RATES[2], 5, 9)
    assert feed.asked == [*range(TRIAL_STEPS)] * 5
    assert [at for at, _ in judge.seen] == [0, *[TRIAL_STEPS] * 5]


def test_every_trial_starts_from_the_same_net_at_its_own_rate() -> None:
    judge = Remembering([9.0] * 12)
    trial(judge)
    start, *ends = (weights for _, weights in judge.seen)
    moved = [float(np.abs(end - start).max()) for end in ends]
    ratios = np.array(moved[1:3]) / moved[:2]
    # So little moves that the way is straight: twenty small steps go as far as their rate says.
    assert ratios == pytest.approx([RATES[1] / RATES[0], RATES[2] / RATES[1]], rel=0.05)


def test_masks_hold_in_trials() -> None:
    free = np.random.RandomState(0).uniform(size=(6, 4)) > 0.5
    judge = Remembering([9.0] * 12)
    trial(judge, masks={("fc1", 0): free})
    assert all(not weights[~free].any() for _, weights in judge.seen)


def test_a_rate_at_which_the_net_goes_to_pieces_is_none() -> None:
    found = trial(Remembering([9, 5, np.nan, np.nan, 1]))
    assert found.rate == RATES[0]
    bad: Dict[str, np.ndarray] = {**samples(), "data": np.full((64, 4), np.inf, np.float32)}
    with np.errstate(invalid="ignore"), pytest.raises(EngineError, match="at every learning rate"):
        trial(LossJudge(samples()), SampleFeed(bad))
