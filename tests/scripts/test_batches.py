"""scripts/batches: a batch that is killed comes to what it comes to when nobody disturbs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_models import two_layers

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "batches"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    where = tmp_path / "zoo"
    two_layers().save(where / "deploy.prototxt", where / "net.caffemodel")
    return where


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, words), "--rank=fc6=8", "--no-verify"]
    return subprocess.run(command, capture_output=True, text=True)


def test_killed_batches_are_held_against_one_that_was_not(zoo: Path) -> None:
    done = run("kills", zoo, "--kills", 3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("3 kills in ")
    assert done.stdout.endswith("batches of 1 models, 0 unequal\n")


def test_times_tell_of_one_command_a_second_one_and_one_by_one(zoo: Path) -> None:
    done = run("times", zoo)
    assert done.returncode == 0, done.stderr
    told = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert told[:4] == ["1 models", "one by one", "one command", "again, with nothing to do"]


def test_without_models_it_says_so(tmp_path: Path) -> None:
    assert run("kills", tmp_path / "none").returncode == 2
