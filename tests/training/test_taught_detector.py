"""A detector learns from its original in real Caffe, which has no priors and no choice of boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_models import make_model
from teacher_nets import numbers, ssd

from netsurgery.calibration import Inputs
from netsurgery.engine import Engine
from netsurgery.network.model import Model
from netsurgery.training import Tuned, TuningSettings, tune

STEPS = TuningSettings(
    steps=40, batch=3, rate=0.3, validate_every=10, patience=None, keep_best=False
)


def damaged(model: Model) -> Model:
    blobs = [blob.array() for blob in model.blobs("conv")]
    noisy = [array + 0.3 * numbers(*array.shape, seed=3) for array in blobs]
    return make_model(model.prototxt.data.decode(), {"conv": noisy})


def taught(small: Model, engine: Engine, folder: Path) -> Tuned:
    inputs = Inputs({"data": numbers(8, 3, 8, 8, seed=6)})
    return tune(small, ssd(), inputs, replace(STEPS, engine=engine), folder)


def test_what_was_damaged_is_learned_again(trainer: Engine, tmp_path: Path) -> None:
    small = damaged(ssd())
    tuned = taught(small, trainer, tmp_path)
    told = [one.training_loss for one in tuned.trained.history if one.training_loss is not None]
    assert told[-1] < told[0] / 10
    assert tuned.model.prototxt.data == small.prototxt.data
    before, after = (model.blobs("conv")[0].array() for model in (small, tuned.model))
    assert not np.array_equal(before, after)


def test_an_equal_of_the_teacher_has_nothing_to_learn(trainer: Engine, tmp_path: Path) -> None:
    """The losses of stock layers, and those that the judge works out, are nought alike."""
    tuned = taught(ssd(), trainer, tmp_path)
    for one in tuned.trained.history:
        # Rounding of float32 sums of some 200 products, squared, in units of the scale.
        assert one.judged.loss == pytest.approx(0, abs=1e-10)
        assert one.training_loss is None or one.training_loss == pytest.approx(0, abs=1e-10)
