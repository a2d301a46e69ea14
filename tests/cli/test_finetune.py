"""``netsurgery finetune`` in real Caffe: what is told, and that a kill changes no bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, Tuple

import pytest
from command_line import tables_in

import netsurgery as ns

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PAIR = (DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
TRAIN = DIGITS / "train.npz"

# Runs the command line in a process that is killed while it writes the state of some step.
KILLED = """
import os, signal, sys
from netsurgery.cli import main
from netsurgery.training.checkpoint import Checkpoints

save = Checkpoints.save
def kill(self, state, session):
    if state.iteration == int(sys.argv[1]):
        session.save_state(self.path(state.iteration).with_suffix(".part"))
        os.kill(os.getpid(), signal.SIGKILL)
    save(self, state, session)

Checkpoints.save = kill
main(sys.argv[2:])
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, Path]:
    """The digits net with its largest layer cut to rank 3."""
    folder = tmp_path_factory.mktemp("small")
    plan = ns.Plan((ns.Edit("fc3", "svd", {"rank": 3}),))
    done = ns.compress(PAIR, ns.CompressRequest(plan=plan, verify=False), folder)
    return done.files[0], done.files[1]


def asked(small: Tuple[Path, Path], out: Path) -> List[str]:
    told = ["finetune", *small, "--calibrate", TRAIN, "--steps", 24, "--batch", 16, "--lr", 0.01]
    return [str(one) for one in (*told, "--validate-every", 6, "--solver", SOLVER, "-o", out)]


SOLVER = DIGITS / "solver.prototxt"


def test_a_run_tells_how_it_went(netsurgery, caffe, small, tmp_path) -> None:
    out = tmp_path / "out"
    done = netsurgery(*asked(small, out), "--plot", tmp_path / "curves.svg")
    assert done.status == 0, done.err
    assert "trained on 943 inputs, 202 aside to stop by; SGD, rate 0.01 (as asked for)" in done.out
    history, figures = tables_in(done.out)
    assert [row["step"] for row in history] == ["0", "6", "12", "18", "24"]
    assert "24 steps: all steps were done" in done.out
    assert figures[0][""] == "accuracy"
    before, after = (float(figures[0][side].rstrip("%")) for side in ("before", "after"))
    assert after > before
    assert f"written {out / 'digits.caffemodel'}" in done.out
    assert b"loss, aside" in (tmp_path / "curves.svg").read_bytes()
    record = json.loads((out / "netsurgery.json").read_text())
    assert record["solver"]["weight_decay"] == 0.005  # of the solver that it was trained by
    assert record["seconds_per_step"] > 0


def test_a_killed_run_ends_in_the_same_bits(netsurgery, caffe, small, tmp_path) -> None:
    whole = netsurgery(*asked(small, tmp_path / "whole"), "--json")
    assert whole.status == 0, whole.err
    out = tmp_path / "out"
    for place in ("6", "18"):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED, place, *asked(small, out)],
            capture_output=True,
            env={**os.environ},
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not (out / "digits.caffemodel").exists()
    done = netsurgery(*asked(small, out), "--json")
    assert done.status == 0, done.err
    report, other = json.loads(done.out), json.loads(whole.out)
    assert report["resumed_from"] == 12
    assert report["history"] == other["history"]
    for name in ("deploy.prototxt", "digits.caffemodel"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (out / ".training").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "say where the new pair goes: -o OUT"),
        (["-o", "out"], "say what to train on: --calibrate"),
        (["--calibrate", TRAIN, "-o", "out", "--hints", "fc3"], "--hints needs --teacher"),
        (["--calibrate", TRAIN, "-o", "out", "--lr", "0"], "'0' is not a number"),
        (["--calibrate", TRAIN, "-o", "out", "--freeze", "x"], "'x' selects no layer"),
        (["--calibrate", TRAIN, "-o", "out", "--engine", "opencv"], "cannot do this: run a solver"),
        (["--calibrate", TRAIN, "-o", "out", "--masks", "no.npz"], "no.npz: cannot be read"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    netsurgery, small, tmp_path, monkeypatch, options, told
) -> None:
    monkeypatch.chdir(tmp_path)
    done = netsurgery("finetune", *small, *options)
    assert done.status == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1
