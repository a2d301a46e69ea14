"""Nets of the zoo tuned by labels or by a teacher, and judged by images that no tuning saw."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy as np
from accuracy import Collected
from store import FOLDER, last_commit
from training_data import TrainingData

from netsurgery.calibration import Inputs
from netsurgery.calibration.measuring import ObservedValue, measure
from netsurgery.network import Masks
from netsurgery.network.model import Model
from netsurgery.training import TrainerHook, TuningSettings, tune

LABELS, TEACHER, BOTH = "labels", "teacher", "both"
"""What tells a net what is right."""
VALIDATIONS, VIEWS = 10, 4
TRAINED = (
    *(f"training/{name}.py" for name in ("feed", "augmentation", "splitting", "solver_settings")),
    "engine/workers/caffe_trainer.py",
)
"""What of the package the numbers of a tuned net depend on most."""


class Recipe(NamedTuple):
    """How a net is tuned.

    Attributes:
        taught: By `LABELS`, by a `TEACHER` alone, or by `BOTH`.
        steps: Of the solver; none is left out.
        rate: At the start; a tenth from 0.8 of the steps on, a hundredth from 0.93 on.
        batch: Inputs of a step.
        temperature: Of the classes that a teacher answers.
        hold_out: The share of the training images that tells the best net.
        keep_best: Whether the net is that of the best validation, or the last.
        seed: Of all that is drawn.
    """

    taught: str
    steps: int
    rate: float
    batch: int = 64
    temperature: float = 2.0
    hold_out: float = 0.1
    keep_best: bool = True
    seed: int = 0

    def settings(self, data: TrainingData) -> TuningSettings:
        """Return what that is on some data."""
        return TuningSettings(
            steps=self.steps,
            batch=self.batch,
            rate=self.rate,
            temperature=self.temperature,
            views=VIEWS,
            augmentation=data.augmentation,
            hold_out=self.hold_out,
            reported_elsewhere=True,
            validate_every=max(1, self.steps // VALIDATIONS),
            patience=None,
            task_output=data.task_output,
            keep_best=self.keep_best,
            seed=self.seed,
            engine="caffe",
        )


class Found(NamedTuple):
    """What came of a tuning.

    Attributes:
        before: Accuracy on the images that judge, untuned.
        after: The same of the tuned net.
        best: The iteration that the tuned net is of.
        seconds: A step took, by the clock.
    """

    before: float
    after: float
    best: int
    seconds: float


def accuracy_of(model: Model, judged: Inputs, output: Optional[str] = None) -> float:
    """Return the share of inputs whose class a net gets right, run by real Caffe.

    Args:
        model: The net.
        judged: The inputs, with labels.
        output: The output that labels are for; its only one if None.
    """
    outputs = model.network().outputs
    value = next(one for one in outputs if output in (None, one.blob))
    observer = Collected(ObservedValue(value))
    measure([model], judged, [observer], "caffe")
    classes = observer.array.reshape(len(judged), -1).argmax(axis=1)
    return float(np.mean(classes == judged.labels))


def found(
    key: Sequence[Any],
    model: Model,
    original: Model,
    data: TrainingData,
    recipe: Recipe,
    *,
    masks: Optional[Masks] = None,
    hooks: Sequence[TrainerHook] = (),
    views: int = VIEWS,
    answers: Optional[Path] = None,
) -> Found:
    """Tune a net and tell what comes of it; a run that was stopped goes on where it was.

    Args:
        key: What tells the run from others, beside the recipe.
        model: The net.
        original: The teacher, where one teaches.
        data: What it is tuned on and judged by.
        recipe: How.
        masks: What stays zero.
        hooks: Are called between steps.
        views: Of each image that a teacher answers.
        answers: Keeps what it answers, for other nets that it teaches; the run alone does if None.
    """
    started = time.monotonic()
    before = accuracy_of(model, data.judged, data.task_output)
    name = hashlib.sha256(repr((list(key), list(recipe))).encode()).hexdigest()[:16]
    inputs = data.unlabelled if recipe.taught == TEACHER else data.seen
    teacher = None if recipe.taught == LABELS else original
    settings = replace(recipe.settings(data), views=views)
    with run_folder(name) as folder:
        done = tune(
            *(model, teacher, inputs, settings, folder),
            masks=masks,
            hooks=hooks,
            answers=answers,
        )
    after = accuracy_of(done.model, data.judged, data.task_output)
    took = time.monotonic() - started
    print(*key, *recipe, f"{before:.4f} -> {after:.4f}", f"{took:.0f} s", file=sys.stderr)
    return Found(before, after, done.trained.best, done.trained.seconds_per_step)


@contextmanager
def run_folder(name: str) -> Iterator[Path]:
    """Yield where a run keeps its states, which go when it is through, and stay if it is stopped.

    They are of one commit of the package: what another one makes of them may be something else.

    Args:
        name: What tells the run from others.
    """
    folder = FOLDER / "runs" / f"{name}-{last_commit(['.'])}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    yield folder
    shutil.rmtree(folder)
