"""Two verdicts on the command line: written as planned, and still good."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PAIR = (DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
HELD_OUT = ("--inputs", DIGITS / "held_out.npz")
RUINED = ("--rank", "fc3=1", "--rank", "fc4=1")


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with np.load(DIGITS / "held_out.npz") as held_out:
        data = held_out["data"][:50]
    path = tmp_path_factory.mktemp("inputs") / "few.npz"
    np.savez(path, data=data)
    return path


def test_a_net_that_is_dead_is_proved_and_lost(netsurgery, tmp_path, caffe_python) -> None:
    command = ("compress", *PAIR, *RUINED, *HELD_OUT, "-o", tmp_path, "--json")
    done = netsurgery(*command)
    found = json.loads(done.out)
    assert (done.status, found["proof"]["passed"], found["quality"]["verdict"]) == (1, True, "lost")
    (output,) = found["quality"]["outputs"]
    assert (output["kind"], output["figure"], output["good"]) == ("classes", "accuracy lost", 1)
    assert output["value"] > output["lost"]
    accepted = netsurgery(*command, "--accept-loss")
    assert (accepted.status, json.loads(accepted.out)["quality"]["accepted"]) == (0, True)
    both = netsurgery(*command, "--accept-loss", "--max-error", "1e-3")
    assert both.status == 1


def test_random_inputs_leave_it_unjudged_and_name_the_flag(
    netsurgery, tmp_path, caffe_python
) -> None:
    done = netsurgery("compress", *PAIR, *RUINED, "-o", tmp_path)
    assert done.status == 0
    assert "still good: unjudged" in done.out
    assert "--inputs" in done.out
    files = (tmp_path / "deploy.prototxt", tmp_path / "digits.caffemodel")
    done = netsurgery("verify", *PAIR, *files, "--json")
    assert (done.status, json.loads(done.out)["passed"]) == (2, None)
    assert "--inputs" in done.out
    assert netsurgery("verify", *PAIR, *PAIR).status == 0
    assert netsurgery("verify", *PAIR, *files, "--max-error", "10").status == 0


def test_verify_holds_to_the_table(netsurgery, tmp_path, caffe_python, unlabelled) -> None:
    netsurgery("compress", *PAIR, *RUINED, "--no-verify", "-o", tmp_path)
    files = (tmp_path / "deploy.prototxt", tmp_path / "digits.caffemodel")
    command = ("verify", *PAIR, *files, "--inputs", unlabelled)
    assert netsurgery(*command).status == 1
    assert netsurgery(*command, "--accept-loss").status == 0
    assert netsurgery(*command, "--output-kind", "prob=fruit").status == 2
    assert netsurgery(*command, "--output-kind", "prob").status == 2
    found = json.loads(netsurgery(*command, "--output-kind", "prob=numbers", "--json").out)
    assert found["quality"]["outputs"][0]["kind"] == "numbers"
    golden = tmp_path / "golden.npz"
    assert netsurgery("verify", *PAIR, "--inputs", unlabelled, "--save-golden", golden).status == 0
    assert netsurgery("verify", *PAIR, "--golden", golden).status == 0
    assert netsurgery("verify", *files, "--golden", golden).status == 1


def test_what_it_was_calibrated_with_is_no_judge(netsurgery, tmp_path, caffe_python, unlabelled):
    fit = ("--rank", "fc3=32", "--fit", "data", "--calibrate", unlabelled)
    done = netsurgery("compress", *PAIR, *fit, "--inputs", unlabelled, "-o", tmp_path, "--json")
    cautions = " ".join(json.loads(done.out)["quality"]["cautions"])
    assert "all 50 inputs that it is judged by are among those" in cautions
    assert "50 calibration inputs are fewer than the unknowns" in cautions


@pytest.mark.parametrize("command", ["compress", "thin", "verify"])
def test_help_tells_the_limits(netsurgery, command: str) -> None:
    text = " ".join(netsurgery(command, "--help").out.split())
    assert "classes, accuracy lost good <= 1 points, lost > 5 points" in text
