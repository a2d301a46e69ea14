"""What a teacher answers is asked once, kept, and fed as the losses want it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Sequence

import numpy as np
import pytest
from calibration_nets import layer
from quick_caffe import QuickCaffe
from small_models import make_model
from teacher_nets import classifier, detector, numbers, ssd

from netsurgery.calibration import Inputs
from netsurgery.errors import FormatError, NetworkError, RequestError
from netsurgery.network.graph import Value
from netsurgery.training import teacher, teacher_targets
from netsurgery.training.augmentation import Augmentation
from netsurgery.training.bank import ViewBank
from netsurgery.training.objectives import TeacherObjective, TeacherValueObjective
from netsurgery.training.sightings import EVERYWHERE
from netsurgery.training.teacher_targets import TeacherTargets
from netsurgery.training.teaching import teacher_objectives

SOFTMAX = layer("Softmax", "fc", "prob")


def pictures(count: int = 3, size: int = 3) -> Inputs:
    return Inputs({"data": numbers(count, 1, size, size, seed=5)})


def softmax(scores: np.ndarray, axis: int = 1) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def hidden_of(model, samples: np.ndarray) -> np.ndarray:
    weights, bias = (blob.array() for blob in model.blobs("hidden"))
    return np.maximum(samples.reshape(len(samples), -1) @ weights.T + bias, 0)


def scores_of(model, samples: np.ndarray) -> np.ndarray:
    weights, bias = (blob.array() for blob in model.blobs("fc"))
    return hidden_of(model, samples) @ weights.T + bias


def ask(
    model, objectives: Sequence[TeacherObjective], bank: ViewBank, engine, folder: Path
) -> TeacherTargets:
    return TeacherTargets.make(model, objectives, bank, engine, folder)


def test_classes_of_every_view(quick_caffe: QuickCaffe, tmp_path: Path) -> None:
    model = classifier(SOFTMAX)
    bank = ViewBank(pictures(size=5), Augmentation(mirror=True, crop=(3, 3)), views=7)
    objectives = teacher_objectives(model, model, temperature=2.0)
    targets = ask(model, objectives, bank, quick_caffe, tmp_path)
    assert targets.roles == ("label:fc", "target:fc")
    some = np.array([20, 0, 11, 11])
    views = bank.as_inputs().arrays["data"][:][some]
    scores = scores_of(model, views)
    best = targets.rows("label:fc", some)
    np.testing.assert_array_equal(best, scores.argmax(1))
    rest = np.eye(4)[scores.argmax(1)] - softmax(scores.astype(np.float64) / 2)
    # Scores are float32 sums of some ten products of order one.
    np.testing.assert_allclose(targets.rows("target:fc", some), rest, atol=1e-5)
    assert targets.objectives == objectives


def test_probabilities_values_and_hints_have_their_scale(
    quick_caffe: QuickCaffe, tmp_path: Path
) -> None:
    model = classifier(layer("Sigmoid", "fc", "faces"))
    inputs = pictures(50)
    objectives = teacher_objectives(model, model, hints=["hidden"])
    targets = ask(model, objectives, ViewBank(inputs), quick_caffe, tmp_path)
    every = np.arange(50)
    samples = np.asarray(inputs.arrays["data"])
    p = 1 / (1 + np.exp(-scores_of(model, samples)))
    np.testing.assert_allclose(targets.rows("target:fc", every), p, atol=1e-5)
    hidden = hidden_of(model, samples)
    np.testing.assert_allclose(targets.rows("target:hidden", every), hidden, atol=1e-5)
    (hint,) = (one for one in targets.objectives if one.name == "hidden")
    assert isinstance(hint, TeacherValueObjective)
    assert hint.scale == pytest.approx(hidden.std(), rel=1e-5)


def test_detectors_count_where_something_is_seen(quick_caffe: QuickCaffe, tmp_path: Path) -> None:
    model = detector()
    objectives = teacher_objectives(model, model)
    targets = ask(model, objectives, ViewBank(pictures(40)), quick_caffe, tmp_path)
    every = np.arange(40)
    seen = softmax(targets.rows("target:logits", every).astype(np.float64), 2)[:, :, 1]
    for blob, places in (
        ("logits", EVERYWHERE + (seen >= 0.05)),
        ("boxes", np.where(seen >= 0.01, seen, 0)),
        ("marks", np.where(seen >= 0.01, seen, 0)),
    ):
        target, weight = (targets.rows(f"{kind}:{blob}", every) for kind in ("target", "weight"))
        assert target.shape == weight.shape == (40, 3, target.shape[2])
        share = np.repeat((places / places.mean())[:, :, None], target.shape[2], axis=2)
        np.testing.assert_allclose(weight**2, share, rtol=1e-4)
        (objective,) = (one for one in targets.objectives if one.name == blob)
        assert isinstance(objective, TeacherValueObjective)
        mean = np.average(target, weights=share)
        assert objective.scale**2 == pytest.approx(
            np.average((target - mean) ** 2, weights=share), rel=1e-4
        )
    some = np.array([7, 3])
    np.testing.assert_array_equal(targets.rows("weight:boxes", some)[1], weight_of(targets, 3))


def weight_of(targets: TeacherTargets, number: int) -> np.ndarray:
    return targets.rows("weight:boxes", np.array([number]))[0]


def test_a_teacher_of_detections_need_not_choose_among_them(
    quick_caffe: QuickCaffe, tmp_path: Path
) -> None:
    """Real Caffe has neither priors nor the choice among boxes, and is not asked for them."""
    model = ssd()
    inputs = Inputs({"data": numbers(4, 3, 8, 8)})
    bank = ViewBank(inputs)
    targets = ask(model, teacher_objectives(model, model), bank, quick_caffe, tmp_path)
    assert targets.rows("target:mbox_loc", np.arange(4)).shape == (4, 8)
    assert targets.rows("weight:conf_rows", np.arange(4)).shape == (4, 2, 3)
    boxes = targets.rows("weight:mbox_loc", np.arange(4)).reshape(4, 2, 4)
    assert (boxes == boxes[:, :, :1]).all()


class Counted(QuickCaffe):
    """Counts how often nets are opened."""

    def __init__(self, engine: QuickCaffe) -> None:
        self._worker, self._turn = engine._worker, engine._turn
        self.opened = 0

    def open(self, *given, **named):
        self.opened += 1
        return super().open(*given, **named)


def test_a_teacher_is_asked_once(quick_caffe: QuickCaffe, tmp_path: Path) -> None:
    model, engine = classifier(SOFTMAX), Counted(quick_caffe)
    objectives = teacher_objectives(model, model)
    first = ask(model, objectives, ViewBank(pictures()), engine, tmp_path)
    again = ask(model, objectives, ViewBank(pictures()), engine, tmp_path)
    assert engine.opened == 1
    every = np.arange(3)
    for role in first.roles:
        np.testing.assert_array_equal(first.rows(role, every), again.rows(role, every))
    assert first.objectives == again.objectives
    others = (
        (classifier(SOFTMAX, seed=4), objectives, pictures()),
        (model, teacher_objectives(model, model, temperature=5.0), pictures()),
        (model, objectives, pictures(4)),
    )
    for number, (other, learned, inputs) in enumerate(others):
        ask(other, learned, ViewBank(inputs), engine, tmp_path)
        assert engine.opened == number + 2


def test_answers_that_are_half_written_are_asked_for_again(
    quick_caffe: QuickCaffe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, engine = classifier(SOFTMAX), Counted(quick_caffe)
    objectives, bank = teacher_objectives(model, model), ViewBank(pictures())

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(teacher._Recorder, "facts", stop)
    with pytest.raises(KeyboardInterrupt):
        ask(model, objectives, bank, engine, tmp_path)
    monkeypatch.undo()
    assert ask(model, objectives, bank, engine, tmp_path).rows("label:fc", np.arange(3)).any()
    assert engine.opened == 2


def test_fewer_views_where_answers_would_be_too_many(
    quick_caffe: QuickCaffe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifier(SOFTMAX)
    monkeypatch.setattr(teacher_targets, "MOST_BYTES", 3 * 2 * 4 * 4 * 5)
    bank = ViewBank(pictures(size=5), Augmentation(crop=(3, 3)), views=9)
    targets = ask(model, teacher_objectives(model, model), bank, quick_caffe, tmp_path)
    assert targets.bank.views == 5
    assert "5 views of each input in place of 9" in targets.notes[0]
    assert len(targets.rows("target:fc", np.arange(15))) == 15


def test_where_nothing_is_seen_it_is_said(quick_caffe: QuickCaffe, tmp_path: Path) -> None:
    model = detector()
    biases = np.tile([40.0, -40.0], 3).astype(np.float32)
    weights = model.blobs("logits_flat")[0].array()
    model = model_with(model, "logits_flat", [0 * weights, biases])
    targets = ask(
        model, teacher_objectives(model, model), ViewBank(pictures()), quick_caffe, tmp_path
    )
    assert [note.split("'")[1] for note in targets.notes] == ["boxes", "marks"]
    assert not targets.rows("weight:boxes", np.arange(3)).any()


def model_with(model, name: str, arrays: list):
    names = {one.name for one in model.network().layers}
    blobs = {one: [blob.array() for blob in model.blobs(one)] for one in names}
    return make_model(model.prototxt.data.decode(), {**blobs, name: arrays})


def test_what_a_teacher_cannot_answer_is_refused(quick_caffe: QuickCaffe, tmp_path: Path) -> None:
    model = classifier(SOFTMAX)
    objectives = teacher_objectives(model, model)
    other = Inputs({"picture": numbers(3, 1, 3, 3)})
    with pytest.raises(RequestError, match="the teacher's inputs are 'data', not 'picture'"):
        ask(model, objectives, ViewBank(other), quick_caffe, tmp_path)
    huge = model_with(model, "fc", [np.full((4, 5), 3e38, np.float32), np.zeros(4)])
    with pytest.raises(NetworkError, match="makes NaN or infinity in blob 'fc'"):
        ask(huge, objectives, ViewBank(pictures()), quick_caffe, tmp_path)
    (tmp_path / "done.json").write_text(json.dumps({"digest": "x"}))
    with pytest.raises(FormatError, match=r"done.json: is no list of a teacher's answers: 'facts'"):
        ask(model, objectives, ViewBank(pictures()), quick_caffe, tmp_path)
    batched = TeacherValueObjective("all", Value("all"))
    text = layer("Reshape", "fc", "all", "reshape_param { shape { dim: 1 dim: 8 } }")
    with pytest.raises(NetworkError, match=r"'all' of shape \(1, 8\) is not of 2 inputs"):
        ask(classifier(text), [batched], ViewBank(pictures()), quick_caffe, tmp_path)
