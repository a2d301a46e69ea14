"""Calibration from the command line: what the train prototxt names, and what is kept of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pytest

from netsurgery.calibration import calibrator
from netsurgery.cli._progress import progress
from netsurgery.progress import Forecast

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
THIN = ("thin", DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel", "--keep", "conv*=0.5",
        "--engine", "opencv")  # fmt: skip


@pytest.fixture
def train_prototxt(tmp_path: Path) -> Path:
    """The example's train prototxt, with the HDF5 files that it names beside it."""
    h5py = pytest.importorskip("h5py")
    for name in ("train", "held_out"):
        digits = np.load(DIGITS / f"{name}.npz")
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["data"], file["label"] = digits["data"], digits["labels"].astype(np.float32)
        (tmp_path / f"{name}.txt").write_text(f"{name}.h5\n")
    copy = tmp_path / "train_val.prototxt"
    copy.write_bytes((DIGITS / "train_val.prototxt").read_bytes())
    return copy


@pytest.mark.usefixtures("opencv")
def test_a_train_prototxt_to_fit_to_and_to_judge_by(
    netsurgery, tmp_path: Path, train_prototxt: Path
) -> None:
    done = netsurgery(
        *THIN, "--calibrate", train_prototxt, "--inputs", train_prototxt, "-o", tmp_path / "a"
    )
    assert (done.status, done.err) == (0, "")
    assert (
        "proved: every difference is explained by the channels that went and the fits" in done.out
    )
    assert "train_val.prototxt, layer 'data' (TEST))" in done.out
    arrays = netsurgery(
        *THIN, "--calibrate", DIGITS / "train.npz", "--inputs", DIGITS / "held_out.npz",
        "-o", tmp_path / "b",
    )  # fmt: skip
    accuracy = [line for line in done.out.splitlines() if line.startswith("accuracy")]
    assert accuracy
    assert accuracy == [line for line in arrays.out.splitlines() if line.startswith("accuracy")]
    name = "digits.caffemodel"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.usefixtures("opencv")
def test_the_second_run_fits_without_running(
    netsurgery, train_prototxt: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (*THIN, "--calibrate", train_prototxt, "--samples", 300, "--dry-run")
    assert netsurgery(*arguments, "--no-cache").status == 0
    assert not cache_folder.exists()
    first = netsurgery(*arguments)
    assert any((cache_folder / "calibrator").iterdir())

    def fail(*given: Any, **named: Any) -> None:
        raise AssertionError("a model runs")

    monkeypatch.setattr(calibrator, "measure", fail)
    assert netsurgery(*arguments) == first
    for other in (("--samples", 301), ("--no-cache",)):
        assert "a model runs" in netsurgery(*arguments, *other).err


def test_progress_over_inputs_fills_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.progress import Progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    bars: list[Progress] = []
    enter = Progress.__enter__
    monkeypatch.setattr(Progress, "__enter__", lambda bar: bars.append(bar) or enter(bar))

    def shown() -> tuple[str, float, Optional[float]]:
        (task,) = bars[0].tasks
        doing, *_ = (column(task) for column in bars[0].columns[:2])
        return str(doing), task.completed, task.total

    with progress("thinning") as work:
        seen = [shown()]
        with work.task("running", 300, "inputs") as task:
            task.advance(64)
            seen.append(shown())
            work.expect(Forecast({("running",): 1e6}))
            told, done, of = shown()
        seen.append(shown()[:1])
    assert seen == [
        ("thinning", 0, None),
        ("thinning: running, 64 of 300 inputs", 64, 300),
        ("thinning",),
    ]
    assert told == "thinning: running, 64 of 300 inputs"
    assert of is not None
    assert 0 < done < of


@pytest.mark.usefixtures("opencv")
def test_what_it_was_fitted_to_stands_in_for_other_inputs(netsurgery, tmp_path: Path) -> None:
    """Random inputs say less of a net; who wants them says so."""
    given = (*THIN, "--calibrate", DIGITS / "train.npz")
    shown = netsurgery(*given, "-o", tmp_path / "a")
    count = len(np.load(DIGITS / "train.npz")["labels"])
    file = DIGITS / "train.npz"
    assert (
        f"64 inputs (64 of {count} samples of {file}, which it was fitted to), expecting"
        in shown.out
    )
    assert "on 64 labels" in shown.out
    random = netsurgery(*given, "--random", 4, "-o", tmp_path / "b")
    assert "4 inputs (4 random samples" in random.out


@pytest.mark.usefixtures("opencv")
def test_a_plan_by_what_arrives_at_the_outputs(netsurgery, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    pair = (DIGITS / "deploy.prototxt", DIGITS / "digits.caffemodel")
    calibrate = ("--calibrate", DIGITS / "train.npz", "--samples", 100, "--engine", "opencv")
    done = netsurgery("plan", *pair, "--macs", 0.5, "--score", "effect", *calibrate, "-o", plan)
    assert (done.status, done.err) == (0, "")
    assert "score: effect" in plan.read_text()
    refused = netsurgery("plan", *pair, "--macs", 0.5, "--score", "effect", "-o", plan)
    assert refused.status == 2
    assert "score effect needs inputs; give some with --calibrate" in refused.err
