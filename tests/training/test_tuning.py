"""A net is tuned end to end: on labels, by an engine that nobody here knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np
import pytest
from numpy_trainer import NumpyTrainer
from small_models import make_model
from small_training import classifier, samples
from test_trainer import Killed, KilledAt, mask

from netsurgery.calibration import Inputs
from netsurgery.errors import FormatError, NetworkError, PlanError, RequestError
from netsurgery.formats import Prototxt
from netsurgery.network import Model, with_masks
from netsurgery.training import (
    Tuned,
    TuningSettings,
    ZoomedViews,
    run_length,
    tune,
    usual_batch,
)
from netsurgery.training.rate_trial import TRIAL_STEPS


def clouds(count: int = 80) -> Inputs:
    arrays = samples(count)
    return Inputs({"data": arrays["data"]}, arrays["label"].astype(int))


def tuned(
    folder: Path,
    original: Optional[Model] = None,
    *,
    engine: Optional[NumpyTrainer] = None,
    inputs: Optional[Inputs] = None,
    masks: Any = None,
    hooks: Any = (),
    model: Optional[Model] = None,
    **settings: Any,
) -> Tuned:
    told: Dict[str, Any] = {"steps": 30, "batch": 8, "validate_every": 10, "rate": 0.05, **settings}
    return tune(
        model or classifier(hidden=""),
        original,
        clouds() if inputs is None else inputs,
        TuningSettings(engine=engine or NumpyTrainer(), **told),
        folder,
        masks=masks,
        hooks=hooks,
    )


def test_labels_are_learned_and_the_best_net_comes_back(tmp_path: Path) -> None:
    done = tuned(tmp_path)
    first, best = done.trained.history[0], done.trained.history.at(done.trained.best)
    assert done.trained.best > 0
    assert best.judged.figures["accuracy"] > first.judged.figures["accuracy"]
    for layer in ("fc1", "fc2"):
        for blob, array in zip(done.model.blobs(layer), done.trained.arrays[layer]):
            assert np.array_equal(blob.array(), array)
    assert (done.why_rate, done.solver.base_lr, done.batch) == ("as asked for", 0.05, 8)
    parts = [set(part.tolist()) for part in done.split]
    assert sum(map(len, parts)) == 80
    assert not (parts[0] & parts[1])
    assert not (parts[0] & parts[2])
    assert not (parts[1] & parts[2])


def test_a_killed_run_goes_on_and_another_one_is_refused(tmp_path: Path) -> None:
    whole = tuned(tmp_path / "whole")
    with pytest.raises(Killed):
        tuned(tmp_path / "killed", hooks=[KilledAt(14)])
    with pytest.raises(FormatError, match=r"the states here belong to another run.*`force`"):
        tuned(tmp_path / "killed", steps=31)
    again = tuned(tmp_path / "killed")
    assert again.trained.resumed_from == 10
    assert again.model.digest == whole.model.digest


def test_a_rate_is_tried_once_and_kept(tmp_path: Path) -> None:
    engine = NumpyTrainer()
    with pytest.raises(Killed):
        tuned(tmp_path, rate=None, engine=engine, hooks=[KilledAt(14)])
    kept = json.loads((tmp_path / "rate.json").read_text())
    assert len(engine.opened) == 2
    engine = NumpyTrainer()
    done = tuned(tmp_path, rate=None, engine=engine)
    assert len(engine.opened) == 1
    assert [done.solver.base_lr, done.why_rate] == kept
    assert f"tried for {TRIAL_STEPS} steps" in done.why_rate


def test_frozen_layers_keep_their_bytes(tmp_path: Path) -> None:
    before = classifier(hidden="")
    done = tuned(tmp_path, frozen=("fc1",))
    assert done.model.weights is not None
    assert done.model.blobs("fc1")[0].digest == before.blobs("fc1")[0].digest
    assert done.model.blobs("fc2")[0].digest != before.blobs("fc2")[0].digest


def test_masks_hold(tmp_path: Path) -> None:
    done = tuned(tmp_path, masks=mask(), model=with_masks(classifier(hidden=""), mask()))
    blob = done.model.blobs("fc1")[0]
    assert np.array_equal(blob.array() != 0, mask()[("fc1", 0)])
    assert blob.mask is not None
    with pytest.raises(NetworkError, match="of them are not zero"):
        tuned(tmp_path / "a", masks=mask())
    with pytest.raises(NetworkError, match="mask of blob 0"):
        tuned(tmp_path / "b", masks={("fc1", 0): np.ones((2, 2), bool)})


BOX = """\
layer { name: "box" type: "InnerProduct" bottom: "fc1" top: "box"
        inner_product_param { num_output: 2 } }
"""


def two_heads() -> Model:
    own = classifier(hidden="")
    blobs = {name: [blob.array() for blob in own.blobs(name)] for name in ("fc1", "fc2")}
    return make_model(
        own.prototxt.data.decode() + BOX, {**blobs, "box": [np.ones((2, 6)), np.zeros(2)]}
    )


def test_masks_of_what_no_loss_depends_on_stay(tmp_path: Path) -> None:
    small, settings = two_heads(), TuningSettings(steps=10, batch=8, rate=0.05, task_output="prob")
    closed = {("box", 0): np.arange(12).reshape(2, 6) % 2 == 0, **mask()}
    done = tuned_by(with_masks(small, closed), settings, tmp_path / "a", masks=closed)
    assert set(done.trained.masks) == {("box", 0), ("fc1", 0)}
    held = done.model.blobs("box")[0]
    assert np.array_equal(held.array() != 0, closed["box", 0])
    assert held.mask is not None
    with pytest.raises(PlanError, match=r"layer 'box': no loss depends on its weights.*`keep`"):
        tuned_by(small, settings, tmp_path / "b", closing=[("fc1", 0), ("box", 0)])


def tuned_by(small: Model, settings: TuningSettings, folder: Path, **others: Any) -> Tuned:
    return tune(small, None, clouds(), replace(settings, engine=NumpyTrainer()), folder, **others)


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="give `labels` or a `teacher`"):
        tuned(tmp_path, inputs=Inputs({"data": samples()["data"]}))


def test_how_long_is_told_by_the_inputs(tmp_path: Path) -> None:
    done = tuned(tmp_path, steps=None, batch=None, validate_every=None, patience=None)
    # 56 of 80 inputs train, all of them in one batch, 20 times.
    assert (done.batch, done.trained.iteration) == (56, 20)
    assert [one.iteration for one in done.trained.history] == [0, 20]


def bare(count: int = 80) -> Inputs:
    return Inputs({"data": samples(count)["data"]})


def test_a_teacher_is_enough(tmp_path: Path) -> None:
    teacher = tuned(tmp_path / "teacher", steps=100).model
    done = tuned(tmp_path / "whole", teacher, inputs=bare())
    first, best = done.trained.history[0], done.trained.history.at(done.trained.best)
    assert best.judged.loss < first.judged.loss
    assert best.judged.figures["agreement"] > first.judged.figures["agreement"]
    assert (tmp_path / "whole" / "targets" / "done.json").is_file()
    assert done.solver.weight_decay == 0
    with pytest.raises(Killed):
        tuned(tmp_path / "killed", teacher, inputs=bare(), hooks=[KilledAt(14)])
    again = tuned(tmp_path / "killed", teacher, inputs=bare())
    assert again.trained.resumed_from == 10
    assert again.model.digest == done.model.digest


def test_labels_and_a_teacher_count_alike(tmp_path: Path) -> None:
    teacher = tuned(tmp_path / "teacher", steps=100).model
    done = tuned(tmp_path / "both", teacher)
    assert set(done.trained.history[0].judged.figures) == {"accuracy", "agreement"}
    assert len(done.net.losses) == 3  # of labels, and two parts of the teacher's classes
    labels = next(weight for name, weight in done.net.losses.items() if "labels" in name)
    assert labels == 0.5


def test_a_batch_is_that_of_the_training_text() -> None:
    text = Prototxt.parse(
        b'layer { name: "d" type: "Data" top: "data" top: "label" include { phase: TRAIN } '
        b"data_param { batch_size: 37 } }"
    )
    assert usual_batch(classifier()) == 64
    assert usual_batch(classifier(), text) == 37


@pytest.mark.parametrize(
    ("inputs", "asked", "batch", "steps"),
    [
        (20, {}, 64, 66),
        (20, {"views": 4}, 64, 20 * 1),
        (3, {"views": 4}, 12, 20),
        (2000, {}, 64, 640),
    ],
)
def test_windows_of_a_few_pictures_are_as_good_as_many(
    inputs: int, asked: Dict[str, Any], batch: int, steps: int
) -> None:
    """20 pictures have 103 windows each; two passes through 2060 take 66 batches of 64."""
    settings = TuningSettings(augmentation=ZoomedViews(zoom=0.3), **asked)
    assert run_length(classifier(), settings, inputs) == (batch, steps)
