"""How long a tuning takes is told of what it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import pytest
from numpy_trainer import NumpyTrainer
from small_training import classifier, samples

import netsurgery as ns
from netsurgery.jobs import training_work
from netsurgery.jobs.training_requests import read_learning
from netsurgery.jobs.training_work import TRAINED, work_of_training
from netsurgery.jobs.workload import Workload
from netsurgery.progress import silent


@pytest.fixture
def files(tmp_path: Path) -> Tuple[Path, Path]:
    """The files of a classifier."""
    paths = tmp_path / "in" / "deploy.prototxt", tmp_path / "in" / "net.caffemodel"
    classifier(hidden="").save(*paths)
    return paths


def asked(**changes: Any) -> ns.FinetuneRequest:
    arrays = samples(80)
    inputs = ns.Inputs({"data": arrays["data"]}, arrays["label"].astype(int))
    told: Dict[str, Any] = {"steps": 30, "batch": 8, "validate_every": 10, "lr": 0.05}
    told.update(calibrate=inputs, engine=NumpyTrainer())
    return ns.FinetuneRequest(**{**told, **changes})


def test_a_forecast_calls_tasks_what_the_run_calls_them(
    files: Tuple[Path, Path], tmp_path: Path
) -> None:
    teacher = ns.finetune(files, asked(), tmp_path / "teacher").files[:2]
    done = ns.finetune(files, asked(teacher=teacher, lr=None), tmp_path / "out")
    assert done.timings is not None
    small, request = ns.load(*files), asked(teacher=teacher, lr=None)
    work = work_of_training(small, read_learning(small, request, silent))
    assert {name for name, *_ in work} <= set(done.timings.tasks)
    assert {"training", "trying rates", "asking the teacher"} <= {name for name, *_ in work}
    assert done.taught
    assert done.before is not None


@pytest.mark.parametrize(("hold_out", "every"), [(None, None), (0.8, 10), (0.25, 7)])
def test_a_forecast_counts_what_is_run(
    files: Tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hold_out: Optional[float],
    every: Optional[int],
) -> None:
    """What is kept aside is not trained on, and is run at every validation."""
    monkeypatch.setattr(training_work, "START", 0.0)
    small = ns.load(*files)
    request = asked(hold_out=hold_out, patience=0, validate_every=every, steps=None)
    work = work_of_training(small, read_learning(small, request, silent))
    tuned = ns.finetune(files, request, tmp_path / "out").tuned
    trained = tuned.trained
    runs = TRAINED * trained.iteration * tuned.batch
    runs += len(trained.history) * len(tuned.split.stop)
    assert work["training",] == pytest.approx(runs * Workload.of(small).passing)
