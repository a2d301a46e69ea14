"""Channels go some at a time, the net is tuned, and a loop that was killed ends the same."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional

import pytest
from numpy_trainer import NumpyTrainer
from small_training import classifier, samples

from netsurgery.calibration import Inputs
from netsurgery.criteria import criterion
from netsurgery.formats import Prototxt
from netsurgery.network import Model
from netsurgery.progress import Event, Progress, silent
from netsurgery.pruning import ChannelRemoval, Rounds, channel_loop, thin_in_rounds
from netsurgery.training import Tuned, TuningSettings, tune
from netsurgery.training.checkpoint import Checkpoints


class Tuner:
    """Tunes a thinned classifier on its samples, and may be killed in a round."""

    def __init__(self, killed_in: int = 0) -> None:
        self.killed_in = killed_in
        self.rounds: List[str] = []
        self.rates: List[Optional[float]] = []

    def __call__(
        self, model: Model, train_val: Optional[Prototxt], rate: Optional[float], folder: Path
    ) -> Tuned:
        self.rounds.append(folder.name)
        self.rates.append(rate)
        arrays = samples()
        inputs = Inputs({"data": arrays["data"]}, arrays["label"].astype(int), "samples")
        settings = TuningSettings(
            steps=20,
            batch=8,
            rate=rate or 0.05,
            validate_every=5,
            patience=None,
            engine=NumpyTrainer(),
        )
        tuned = tune(model, None, inputs, settings, folder)
        if len(self.rounds) == self.killed_in:
            raise KeyboardInterrupt
        return tuned


def run(
    folder: Path,
    tuner: Tuner,
    train_val: Optional[Prototxt] = None,
    progress: Progress = silent,
) -> Any:
    return thin_in_rounds(
        classifier(hidden=""),
        ChannelRemoval(criterion("l1"), 0.4, 1),
        tuner,
        folder,
        calibrator_of=lambda _: None,
        train_val=train_val,
        progress=progress,
    )


def test_the_net_is_thinner_in_every_round(tmp_path: Path) -> None:
    tuner = Tuner()
    done = run(tmp_path, tuner, classifier(hidden="").prototxt)
    assert [one.facts["channels"] for one in done.rounds] == [5, 4, 3, 2]
    assert [one.facts["macs"] for one in done.rounds] == [8 * 7 * left for left in (5, 4, 3, 2)]
    assert done.tuned.model.blobs("fc1")[0].shape == (2, 4)
    assert b"num_output: 2" in done.tuned.model.prototxt.data
    assert b"num_output: 2" in done.train_val.data
    assert tuner.rates == [None, 0.05, 0.05, 0.05]


@pytest.mark.parametrize("killed_in", [1, 3])
def test_a_loop_that_was_killed_ends_in_the_same_bits(tmp_path: Path, killed_in: int) -> None:
    whole = run(tmp_path / "whole", Tuner())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", Tuner(killed_in))
    tuner = Tuner()
    resumed = run(tmp_path / "killed", tuner)
    assert tuner.rounds == [f"round-{number:02}" for number in range(killed_in, 5)]
    assert resumed.tuned.model.digest == whole.tuned.model.digest
    assert resumed.rounds == whole.rounds


class Killed(BaseException):
    """The process is gone, as far as anybody here can do that."""


def killing(real: Callable[..., Any], call: int, after: bool) -> Callable[..., Any]:
    """What does as it did, but dies before or after a call of that number."""
    calls = [0]

    def dying(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        found = real(*given, **named) if after or calls[0] != call else None
        if calls[0] == call:
            raise Killed
        return found

    return dying


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("owner", "what", "call"),
    [
        (channel_loop, "choose_channels", 1),  # ranking, of the first round and of the third
        (channel_loop, "choose_channels", 3),
        (Rounds, "note_whole", 1),
        (Rounds, "begin", 2),
        (Rounds, "_let_go", 2),
        (Rounds, "finish", 2),
        (Rounds, "finish", 4),
        (Checkpoints, "save_best", 1),
        (Checkpoints, "save", 2),  # tuning: five states in each round
        (Checkpoints, "save", 13),
        (Checkpoints, "save", 15),
    ],
)
def test_a_loop_that_is_killed_at_any_moment_ends_in_the_same_bits(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    what: str,
    call: int,
    after: bool,
) -> None:
    text = classifier(hidden="").prototxt
    whole = run(tmp_path / "whole", Tuner(), text)
    with monkeypatch.context() as patched:
        patched.setattr(owner, what, killing(getattr(owner, what), call, after))
        with pytest.raises(Killed):
            run(tmp_path / "killed", Tuner(), text)
    resumed = run(tmp_path / "killed", Tuner(), text)
    assert resumed.tuned.model.digest == whole.tuned.model.digest
    assert resumed.tuned.model.prototxt.data == whole.tuned.model.prototxt.data
    assert resumed.train_val.data == whole.train_val.data
    assert resumed.rounds == whole.rounds
    assert resumed.whole == whole.whole


def test_of_rounds_that_are_over_there_is_only_what_came_of_them(tmp_path: Path) -> None:
    run(tmp_path, Tuner())
    for number in (1, 2, 3):
        left = [path.name for path in (tmp_path / f"round-{number:02}").iterdir()]
        assert left == ["done.json"]
    assert Rounds(tmp_path, classifier(hidden="")).newest == 4


def test_how_far_the_work_is_follows_from_what_nets_compute(tmp_path: Path) -> None:
    """Rounds of 5/6, 4/6, 3/6 and 2/6 of the net's MACs, and a half of it for each to start."""
    found: List[Any] = []

    class Watched(Progress):
        def task(self, name: str, *given: Any, **named: Any) -> Any:
            made = super().task(name, *given, **named)
            return watching(made) if name == "rounds" else made

    @contextmanager
    def watching(made: Any) -> Iterator[Any]:
        with made as task:
            found.append(task)
            yield task

    coming: List[float] = []
    tuner = Tuner()

    def tuned(*given: Any) -> Tuned:
        coming.append(found[0].coming)
        coming.append(found[0].through)
        return tuner(*given)

    removal = ChannelRemoval(criterion("l1"), 1 / 3, 1)
    thin_in_rounds(
        *(classifier(hidden=""), removal, tuned, tmp_path),
        calibrator_of=lambda _: None,
        overhead=0.5,
        progress=Watched(),
    )
    work = [part / 26 for part in (8, 7, 6, 5)]
    assert coming[::2] == pytest.approx(work)
    assert coming[1::2] == pytest.approx([sum(work[:number]) for number in range(4)])
    assert found[0].through == pytest.approx(1)


@pytest.mark.parametrize(("killed_in", "told"), [(0, [0, 28, 56, 83, 100]), (3, [0, 56, 83, 100])])
def test_it_is_told_how_much_of_what_is_to_go_is_gone(
    tmp_path: Path, killed_in: int, told: List[int]
) -> None:
    """Of six channels 0.6 are to go, one in each round, and none half."""
    if killed_in:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, Tuner(killed_in))
    found: List[int] = []
    run(tmp_path, Tuner(), None, Progress(lambda event: found.extend(rounds_of(event))))
    assert list(dict.fromkeys(found)) == told


def rounds_of(event: Event) -> List[int]:
    return [task.done for task in event.tasks if task.name == "rounds" and task.total == 100]
