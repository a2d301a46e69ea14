"""A task runs in a process of its own, which costs only itself, whatever it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fake_commands import task_of

from netsurgery.formats import sha256_of
from netsurgery.zoo import Outcome, TaskLimits, run_task

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that ended and that nobody took note of does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def gone(*pids: int) -> bool:
    """Whether processes end soon."""
    for _ in range(200):
        if not any(map(is_alive, pids)):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pids"
    monkeypatch.setenv("pids", str(path))
    return path


def test_a_result_is_whole_and_told(tmp_path: Path) -> None:
    task = task_of(tmp_path, "work")
    done = run_task(task)
    assert (done.status, done.reason) == ("compressed", "")
    assert done.figures["after"]["params"] == 5
    result = tmp_path / "out" / "net"
    assert left_in(tmp_path / "out") == ["net"]
    assert left_in(result) == ["net.caffemodel", "netsurgery.json", "outcome.json", "printed.txt"]
    assert done.files["net.caffemodel"] == sha256_of(tmp_path / "model")
    assert Outcome.read((result / "outcome.json").read_bytes(), result) == done


def test_a_result_that_is_there_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("log", str(tmp_path / "log"))
    task = task_of(tmp_path, "work")
    first, second = run_task(task), run_task(task)
    assert first == second
    assert (tmp_path / "log").read_text() == "model\n"
    run_task(replace(task, key="another"))
    assert (tmp_path / "log").read_text() == "model\nmodel\n"
    assert left_in(tmp_path / "out") == ["net"]


def test_a_crash_is_told_with_the_last_that_was_said(tmp_path: Path) -> None:
    done = run_task(task_of(tmp_path, "crash"))
    assert done.status == "crashed"
    assert "SIGABRT" in done.reason
    assert done.reason.endswith("the last it said: about to crash")
    assert left_in(tmp_path / "out") == ["net"]


def test_one_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path, pids: Path) -> None:
    done = run_task(task_of(tmp_path, "hang", TaskLimits(timeout=1.0)))
    assert done.status == "timeout"
    assert done.reason == "stopped after 1 s; the last it said: waiting for nothing"
    assert gone(*map(int, pids.read_text().split()))


@pytest.mark.parametrize("behaviour", ["eat", "feed"])
def test_one_that_eats_memory_is_stopped(tmp_path: Path, behaviour: str) -> None:
    done = run_task(task_of(tmp_path, behaviour, TaskLimits(memory=100_000_000, timeout=60)))
    assert done.status == "memory"
    assert done.reason == "stopped above 100 MB; it had said nothing"
    assert done.peak_memory > 100_000_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="orphans are adopted on Linux")
def test_what_a_command_leaves_behind_is_ended(tmp_path: Path, pids: Path) -> None:
    assert run_task(task_of(tmp_path, "leave")).status == "compressed"
    assert gone(int(pids.read_text()))


def test_rubbish_is_kept_in_part_and_harmless(tmp_path: Path) -> None:
    done = run_task(task_of(tmp_path, "rubbish"))
    assert done.status == "crashed"
    assert "exit status 3" in done.reason
    assert "\x1b" not in done.reason
    printed = (tmp_path / "out" / "net" / "printed.txt").read_text()
    assert "\x1b" not in printed
    assert len(printed) < 32 << 20  # of 80 million letters, each spelt out in four


def test_an_answer_without_a_record_is_a_crash(tmp_path: Path) -> None:
    done = run_task(task_of(tmp_path, "silent"))
    assert done.status == "crashed"
    assert "no record" in done.reason


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = run_task(replace(task_of(tmp_path, "work"), program=("/no/such/program",)))
    assert done.status == "crashed"
    assert "/no/such/program" in done.reason


def test_a_child_does_not_outlive_a_batch_that_was_killed(tmp_path: Path, pids: Path) -> None:
    task = task_of(tmp_path, "hang")
    program = "import pickle, sys; from netsurgery.zoo import run_task; run_task(pickle.load("
    with subprocess.Popen(
        [sys.executable, "-c", program + "sys.stdin.buffer))"], stdin=subprocess.PIPE
    ) as batch:
        import pickle

        assert batch.stdin
        batch.stdin.write(pickle.dumps(task))
        batch.stdin.close()
        while not (pids.exists() and pids.read_text().count(" ")):
            time.sleep(0.02)
        batch.kill()
    assert gone(*map(int, pids.read_text().split()))
    # Nothing of it passes for a result, and the warden cleared away what it was at.
    for _ in range(200):
        if not left_in(tmp_path / "out"):
            break
        time.sleep(0.05)
    assert left_in(tmp_path / "out") == []


def test_an_outcome_that_is_none_is_refused(tmp_path: Path) -> None:
    from netsurgery.errors import FormatError

    with pytest.raises(FormatError, match="no record of an outcome"):
        Outcome.read(json.dumps({"name": "x"}).encode(), tmp_path)
