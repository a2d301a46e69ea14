"""The loop that trains: what an engine is asked, what is kept, and that a kill changes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
from numpy_trainer import NumpyTrainer
from small_training import (
    LossJudge,
    SampleFeed,
    classifier,
    plan,
    same_bits,
    samples,
    trainer,
    training_net_of,
)

from netsurgery.engine import TrainingSession
from netsurgery.errors import EngineError, FormatError
from netsurgery.progress import Event, Progress
from netsurgery.training.history import Judged
from netsurgery.training.trainer import Trainer


class Killed(BaseException):
    """The process is gone, as far as anybody here can do that."""


class KilledAt:
    """A hook that ends the run before some iteration."""

    settled_at = -1

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def next_at(self, iteration: int) -> int:
        return self.iteration if iteration <= self.iteration else 10**9

    def before(self, iteration: int, session: TrainingSession) -> None:
        raise Killed


def test_a_run_learns_and_its_best_net_comes_back(tmp_path: Path) -> None:
    trained = trainer(tmp_path, plan()).run()
    first, *_, last = trained.history
    assert [one.iteration for one in trained.history] == [0, 5, 10, 15, 20, 25, 30]
    assert trained.history.at(trained.best).judged.loss < 0.7 * first.judged.loss
    assert (
        min(one.judged.loss for one in trained.history)
        == trained.history.at(trained.best).judged.loss
    )
    assert (trained.iteration, trained.stopped, trained.resumed_from) == (30, "steps", None)
    assert first.training_loss is None
    assert first.rate is None
    assert last.rate == pytest.approx(0.005)
    assert trained.history.at(20).rate == pytest.approx(0.05)
    assert 0 < last.training_loss < trained.history.at(5).training_loss


@pytest.mark.parametrize("killed_at", [3, 5, 17, 29])
def test_a_killed_run_ends_in_the_same_weights(tmp_path: Path, killed_at: int) -> None:
    chosen = plan(iter_size=2)
    whole = trainer(tmp_path / "whole", chosen).run()
    with pytest.raises(Killed):
        trainer(tmp_path / "killed", chosen, hooks=[KilledAt(killed_at)]).run()
    again = trainer(tmp_path / "killed", chosen).run()
    assert again.resumed_from == killed_at // 5 * 5
    assert same_bits(whole, again)
    assert whole.best == again.best
    assert whole.history.to_list() == again.history.to_list()


def test_a_run_killed_while_a_state_is_written_goes_on_from_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netsurgery.training import checkpoint

    whole = trainer(tmp_path / "whole", plan()).run()
    real: Any = checkpoint.write_arrays

    def die(path: Path, arrays: Any) -> None:
        if "state-000015" in str(path):
            raise Killed
        real(path, arrays)

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write_arrays", die)
        with pytest.raises(Killed):
            trainer(tmp_path / "killed", plan()).run()
    assert (tmp_path / "killed" / "state-000015.part").is_dir()
    again = trainer(tmp_path / "killed", plan()).run()
    assert again.resumed_from == 10
    assert same_bits(whole, again)
    assert whole.history.to_list() == again.history.to_list()


def test_a_run_that_is_over_is_not_done_again(tmp_path: Path) -> None:
    once = trainer(tmp_path, plan()).run()
    engine = NumpyTrainer()
    again = trainer(tmp_path, plan(), engine=engine).run()
    assert same_bits(once, again)
    assert again.iteration == 30
    assert engine.opened[0].calls == ["close"]


def test_two_states_are_kept_and_the_best_net_that_one_of_them_names(tmp_path: Path) -> None:
    trained = trainer(tmp_path, plan()).run()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name for name in names if name.startswith("state")] == ["state-000025", "state-000030"]
    kept = {int(name[5:11]) for name in names if name.startswith("best")}
    assert trained.best in kept
    assert len(kept) <= 2


class Told:
    """A judge that says what it was told to."""

    def __init__(self, losses: List[float]) -> None:
        self.losses = losses
        self.times = 0

    def judge(self, session: TrainingSession) -> Judged:
        self.times += 1
        return Judged(self.losses[session.iterations // 5])


def test_a_run_stops_where_nothing_is_gained_and_gives_what_was_best(tmp_path: Path) -> None:
    judge = Told([3, 2, 2.5, 2, 2.1, 1, 0])
    trained = trainer(tmp_path, plan(patience=3), judge=judge).run()
    assert (trained.stopped, trained.iteration, trained.best) == ("patience", 20, 5)
    again = trainer(tmp_path, plan(patience=3), judge=judge).run()
    assert same_bits(trained, again)
    assert judge.times == 5
    assert trainer(tmp_path / "b", plan(), judge=judge).run().best == 30


def test_what_was_there_before_is_kept_where_training_makes_it_worse(tmp_path: Path) -> None:
    trained = trainer(tmp_path, plan(), judge=Told([1, 2, 2, 2, 2, 2, float("nan")])).run()
    assert trained.best == 0
    before = classifier()
    assert np.array_equal(trained.arrays["fc1"][0], before.blobs("fc1")[0].array())


def test_the_last_net_comes_back_where_the_best_is_not_asked_for(tmp_path: Path) -> None:
    engine = NumpyTrainer()
    trained = trainer(tmp_path, plan(keep_best=False), judge=Told([1] * 7), engine=engine).run()
    assert trained.best == 30
    assert not np.array_equal(trained.arrays["fc2"][1], np.zeros(3))


def mask(seed: int = 0, share: float = 0.5) -> Any:
    random = np.random.RandomState(seed)
    return {("fc1", 0): random.uniform(size=(6, 4)) > share}


def test_masks_hold_from_the_start_and_after_a_kill(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole", plan(), masks=mask()).run()
    with pytest.raises(Killed):
        trainer(tmp_path / "killed", plan(), masks=mask(), hooks=[KilledAt(12)]).run()
    again = trainer(tmp_path / "killed", plan(), masks=mask()).run()
    closed = ~mask()[("fc1", 0)]
    assert not whole.arrays["fc1"][0][closed].any()
    assert whole.arrays["fc1"][0][~closed].all()
    assert same_bits(whole, again)
    assert np.array_equal(again.masks[("fc1", 0)], ~closed)


class Tightening:
    """A hook that closes more weights before some iterations."""

    def __init__(self, *times: int) -> None:
        self.times, self.settled_at = times, max(times)
        self.called: List[int] = []

    def next_at(self, iteration: int) -> int:
        return min((time for time in self.times if time >= iteration), default=10**9)

    def before(self, iteration: int, session: TrainingSession) -> None:
        self.called.append(iteration)
        place = self.times.index(iteration) + 1
        session.set_masks(mask(0, 0.2 * place))


def test_hooks_are_called_before_their_steps_and_the_best_net_is_one_behind_them(
    tmp_path: Path,
) -> None:
    hook = Tightening(0, 7, 15)
    judge = Told([0, 0, 0, 0, 3, 2, 2])
    engine = NumpyTrainer()
    whole = trainer(tmp_path / "a", plan(), hooks=[hook], judge=judge, engine=engine).run()
    assert hook.called == [0, 7, 15]
    assert whole.best == 25
    assert [one.counts for one in whole.history] == [False] * 4 + [True] * 3
    assert sum(int(call.split()[1]) for call in engine.opened[0].calls[:-1]) == 30
    hooks: List[Any] = [Tightening(0, 7, 15), KilledAt(18)]
    with pytest.raises(Killed):
        trainer(tmp_path / "b", plan(), hooks=hooks, judge=judge).run()
    again = trainer(tmp_path / "b", plan(), hooks=[Tightening(0, 7, 15)], judge=judge).run()
    assert same_bits(whole, again)
    assert np.array_equal(again.masks[("fc1", 0)], mask(0, 0.6)[("fc1", 0)])


def test_every_batch_is_made_once_and_the_engine_gets_several_at_a_time(tmp_path: Path) -> None:
    feed, engine = SampleFeed(samples()), NumpyTrainer()
    trainer(tmp_path, plan(steps=200, validate_every=100), feed=feed, engine=engine).run()
    assert feed.asked == list(range(200))
    assert len(engine.opened[0].calls) < 12


def test_progress_tells_the_loss_and_the_accuracy(tmp_path: Path) -> None:
    told: List[str] = []

    def hear(event: Event) -> None:
        told.extend(task.item for task in event.tasks if task.name == "training" and task.item)

    trainer(tmp_path, plan(), progress=Progress(hear)).run()
    assert told[-1].startswith("loss 0.")
    assert ", accuracy " in told[-1]
    assert "aside" in told[-1]


def test_a_loss_that_is_no_number_ends_the_run_in_one_line(tmp_path: Path) -> None:
    feed = SampleFeed({**samples(), "data": np.full((64, 4), np.inf, np.float32)})
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(EngineError, match="loss of step 1 is no number; give a lower `lr`"),
    ):
        trainer(tmp_path, plan(), feed=feed).run()


def test_a_state_of_another_number_of_threads_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, plan(steps=5)).run()
    file = tmp_path / "state-000005" / "trainer.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "threads": 4}))
    with pytest.raises(FormatError, match=r"4 threads of BLAS.*OPENBLAS_NUM_THREADS=4"):
        trainer(tmp_path, plan(steps=5)).run()


@pytest.mark.parametrize("name", ["trainer.json", "masks.npz"])
def test_a_damaged_state_is_named(tmp_path: Path, name: str) -> None:
    trainer(tmp_path, plan(steps=5)).run()
    (tmp_path / "state-000005" / name).write_bytes(b"PK\x03\x04 no")
    with pytest.raises(FormatError, match=f"{name}: this state of a run is damaged"):
        trainer(tmp_path, plan(steps=5)).run()


def test_where_the_best_net_is_damaged_it_is_told_what_helps(tmp_path: Path) -> None:
    judge = Told([6, 5, 4, 3, 2, 1, 0])
    whole = trainer(tmp_path, plan(), judge=judge).run()
    best = tmp_path / "best-000030.npz"
    best.write_bytes(best.read_bytes()[:-100])
    with pytest.raises(FormatError, match=r"best-000030.npz: .* damaged.*; remove state-000030: t"):
        trainer(tmp_path, plan(), judge=judge).run()
    shutil.rmtree(tmp_path / "state-000030")
    again = trainer(tmp_path, plan(), judge=judge).run()
    assert again.resumed_from == 25
    assert same_bits(whole, again)


def test_where_no_state_knows_another_best_net_the_run_begins_anew(tmp_path: Path) -> None:
    judge = Told([1, 2, 2, 2, 2, 2, 2])
    assert trainer(tmp_path, plan(), judge=judge).run().best == 0
    (tmp_path / "best-000000.npz").write_bytes(b"PK")
    with pytest.raises(FormatError, match="; the best net of the run cannot be had again: begin"):
        trainer(tmp_path, plan(), judge=judge).run()


def test_a_line_of_the_history_that_was_not_finished_is_written_again(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "a", plan()).run()
    with pytest.raises(Killed):
        trainer(tmp_path / "b", plan(), hooks=[KilledAt(16)]).run()
    with open(tmp_path / "b" / "history.jsonl", "a") as stream:
        stream.write('{"iteration": 20, "los')
    again = trainer(tmp_path / "b", plan()).run()
    assert whole.history.to_list() == again.history.to_list()


def test_a_net_that_reads_its_own_data_is_not_fed(tmp_path: Path) -> None:
    net = training_net_of(classifier())
    own = type(net)(**{**vars(net), "own_data": True})
    judge = LossJudge(samples())
    with pytest.raises(EngineError, match="reads no data"):
        Trainer(own, SampleFeed(samples()), judge, plan(), NumpyTrainer(), tmp_path).run()
