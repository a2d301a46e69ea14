"""A batch: every model once, what is known stays, and the index tells all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_commands import index_of, work_of

from netsurgery.errors import FormatError, RequestError
from netsurgery.zoo import BatchTask, LocalScheduler, Outcome, TaskLimits, read_index, run_batch
from netsurgery.zoo.batch import Listener

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("log", str(path))
    return path


def test_each_model_costs_only_itself(tmp_path: Path) -> None:
    out = tmp_path / "out"
    index = run_batch(work_of(tmp_path, "work", "crash", "work"), out, LocalScheduler(2))
    assert [one.status for one in index.models] == ["compressed", "crashed", "compressed"]
    assert index.complete
    assert not index
    assert read_index(out) == index
    assert index.counts == {"compressed": 2, "crashed": 1}


def test_what_is_finished_is_known_by_what_it_was_made_of(tmp_path: Path, log: Path) -> None:
    out, work = tmp_path / "out", work_of(tmp_path, "work", "work")
    first = run_batch(work, out, LocalScheduler(1))
    assert run_batch(work, out, LocalScheduler(1)) == first
    assert sorted(log.read_text().split()) == ["model0", "model1"]
    (tmp_path / "model1").write_text("changed")
    again = run_batch(work, out, LocalScheduler(1))
    assert log.read_text().split()[2:] == ["model1"]
    assert again.models[0] == first.models[0]
    assert again.models[1].files != first.models[1].files


def test_what_crashed_is_tried_again_and_what_was_refused_is_not(tmp_path: Path, log: Path) -> None:
    work = work_of(tmp_path, "crash", "refuse")
    for _ in range(2):
        run_batch(work, tmp_path / "out", LocalScheduler(1))
        refused = read_index(tmp_path / "out").models[1]
        assert (refused.status, refused.reason) == ("refused", "layer 'x': has no weights")
    assert sorted(log.read_text().split()) == ["model0", "model0", "model1"]


def test_what_was_stopped_is_tried_again_at_another_limit(tmp_path: Path, log: Path) -> None:
    (tmp_path / "model0").write_text("1.0")
    work = replace(work_of(tmp_path, "slow"), limits=TaskLimits(timeout=0.3))
    out = tmp_path / "out"
    for _ in range(2):
        assert run_batch(work, out, LocalScheduler(1)).models[0].status == "timeout"
    assert log.read_text().split() == ["model0"]
    longer = replace(work, limits=TaskLimits(timeout=60))
    assert run_batch(longer, out, LocalScheduler(1)).models[0].status == "compressed"


def test_the_index_is_written_after_each_model(tmp_path: Path) -> None:
    seen = []

    class Looks(Listener):
        def ended(self, outcome: Outcome) -> None:
            written = index_of(tmp_path / "out")
            seen.append((written["complete"], len(written["models"])))

    run_batch(work_of(tmp_path, "work", "work"), tmp_path / "out", LocalScheduler(1), Looks())
    assert seen == [(False, 1), (True, 2)]


def test_the_longest_begin_first_and_as_many_at_once_as_there_are_workers(tmp_path: Path) -> None:
    for number, size in enumerate((1, 300, 20)):
        (tmp_path / f"model{number}").write_text("0" * size)
    begun: list[str] = []

    class Looks(Listener):
        def began(self, task: BatchTask) -> None:
            begun.append(task.name)

    run_batch(work_of(tmp_path, *["work"] * 3), tmp_path / "out", LocalScheduler(1), Looks())
    assert begun == ["a/1", "a/2", "a/0"]


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsurgery.zoo.scheduling.thread_count", lambda: 8)
    assert LocalScheduler().workers == 8
    assert LocalScheduler().threads_each == 1
    assert LocalScheduler(2).threads_each == 4
    assert LocalScheduler(16).threads_each == 1
    assert LocalScheduler(1).threads_each is None


@pytest.mark.parametrize(
    ("names", "told"), [(("x", "X"), "two models are called"), (("x/y", "x"), "would lie in")]
)
def test_names_that_clash_are_refused(tmp_path: Path, names: tuple[str, ...], told: str) -> None:
    work = work_of(tmp_path, "work", "work")
    items = [(replace(entry, name=name), words) for name, (entry, words) in zip(names, work.items)]
    with pytest.raises(RequestError, match=told):
        run_batch(replace(work, items=tuple(items)), tmp_path / "out", LocalScheduler(1))


def test_a_folder_of_somebody_else_stays_as_it_is(tmp_path: Path) -> None:
    own = tmp_path / "out" / "a" / "0" / "thesis.tex"
    own.parent.mkdir(parents=True)
    own.touch()
    with pytest.raises(FormatError, match="no result of a batch"):
        run_batch(work_of(tmp_path, "work"), tmp_path / "out", LocalScheduler(1))
    assert own.exists()


RUN = """
import pickle, sys
from pathlib import Path
from netsurgery.zoo import LocalScheduler, run_batch
with open(sys.argv[1], "rb") as stream:
    work = pickle.load(stream)
run_batch(work, Path(sys.argv[2]), LocalScheduler(2))
"""


def test_two_batches_do_not_work_in_one_folder(tmp_path: Path) -> None:
    another = pytest.raises(RequestError, match="another batch works in this folder")
    with killed_batch(tmp_path, ["slow"] * 2, "5"), another:
        run_batch(work_of(tmp_path, "work"), tmp_path / "out", LocalScheduler(1))


def test_a_killed_batch_goes_on_where_it_was(tmp_path: Path, log: Path) -> None:
    behaviours = ["slow"] * 6
    with killed_batch(tmp_path, behaviours, "0.3") as running:
        while not list((tmp_path / "out").glob("a/*/outcome.json")):
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.wait()
    done = {path.parent.name for path in (tmp_path / "out").glob("a/*/outcome.json")}
    assert done
    before = log.read_text()
    index = run_batch(work_of(tmp_path, *behaviours), tmp_path / "out", LocalScheduler(2))
    assert [one.status for one in index.models] == ["compressed"] * 6
    assert not {f"model{name}" for name in done} & set(log.read_text()[len(before) :].split())
    # Nothing half finished is left, but for the file that says who works here.
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        ".netsurgery-batch",
        "a",
        "zoo.json",
    }


def killed_batch(folder: Path, behaviours: list[str], seconds: str) -> subprocess.Popen[bytes]:
    """A batch that runs in a process of its own, and is killed at the end of a ``with``."""
    import pickle

    for number in range(len(behaviours)):
        (folder / f"model{number}").write_text(seconds)
    (folder / "work").write_bytes(pickle.dumps(work_of(folder, *behaviours)))
    command = [sys.executable, "-c", RUN, str(folder / "work"), str(folder / "out")]

    class Killed(subprocess.Popen):  # type: ignore[type-arg]
        def __exit__(self, *error: object) -> None:
            self.kill()
            super().__exit__(*error)  # type: ignore[arg-type]

    running = Killed(command)
    while not (folder / "out" / "zoo.json").exists():
        time.sleep(0.02)
    return running
