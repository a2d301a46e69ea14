"""`--fit`: layers factored for what they make of inputs, at ranks given by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
PAIR = (DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
RULES = ("--method", "channel_svd", "--rank", "conv*=0.25")
CALIBRATE = ("--calibrate", DIGITS / "train.npz", "--samples", 100, "--engine", "opencv")


@pytest.mark.usefixtures("opencv")
def test_layers_are_fitted_as_is_asked(netsurgery, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    done = netsurgery("plan", *PAIR, *RULES, "--fit", "asymmetric", "-o", plan)
    assert done.status == 0, done.err
    edits = yaml.safe_load(plan.read_text())["edits"]
    assert [edit["fit"] for edit in edits] == ["asymmetric"] * len(edits)
    assert len(edits) > 1
    weights = {}
    for fit in ("data", "asymmetric"):
        folder = tmp_path / fit
        done = netsurgery(
            "compress", *PAIR, *RULES, "--fit", fit, *CALIBRATE, "--no-verify", "-o", folder
        )
        assert done.status == 0, done.err
        weights[fit] = (folder / "digits.caffemodel").read_bytes()
    assert weights["data"] != weights["asymmetric"]
    again = ("--plan", plan, *CALIBRATE, "--no-verify", "-o", tmp_path / "again")
    done = netsurgery("compress", *PAIR, *again)
    assert done.status == 0, done.err
    assert (tmp_path / "again" / "digits.caffemodel").read_bytes() == weights["asymmetric"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((*RULES, "--fit", "data"), "channel_svd needs inputs to fit to; give some with --calib"),
        (("--method", "tucker", "--rank", "conv*=0.25", "--fit", "data"), "has no option 'fit'"),
        (("--macs", "0.5", "--fit", "relu"), "--fit is for rules"),
        ((*RULES, *CALIBRATE), "--calibrate has nothing to fit: add --fit data"),
    ],
)
def test_fits_that_cannot_be_are_told_in_a_line(
    netsurgery, tmp_path: Path, arguments: tuple, problem: str
) -> None:
    done = netsurgery("compress", *PAIR, *arguments, "--no-verify", "-o", tmp_path / "out")
    assert done.status == 2
    assert problem in done.err
    assert len([line for line in done.err.splitlines() if problem in line]) == 1
    assert not (tmp_path / "out").exists()


def test_a_plan_by_rules_takes_no_inputs(netsurgery) -> None:
    done = netsurgery("plan", *PAIR, *RULES, "--fit", "data", *CALIBRATE)
    assert done.status == 2
    assert "rules need no inputs: give --calibrate to apply or compress" in done.err
