"""Losses of stock layers, and their gradients, in real Caffe against NumPy in float64."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, NamedTuple

import numpy as np
import pytest
from calibration_nets import declared

from netsurgery.engine import choose
from netsurgery.errors import RequestError
from netsurgery.formats.prototxt.document import Prototxt
from netsurgery.network.graph import Value
from netsurgery.training.loss_text import accuracy_text, loss_text
from netsurgery.training.objectives import (
    HintObjective,
    LabelObjective,
    Objective,
    TeacherClassObjective,
    TeacherProbabilityObjective,
    TeacherValueObjective,
)

# Sums of some hundred float32 products of order one, relative to the largest.
ROUNDED = 3e-6
Z = Value("z")


class Computed(NamedTuple):
    """The weighted sum of all losses, and its gradient."""

    loss: float
    gradient: np.ndarray


def compute(
    tmp_path: Path, objective: Objective, z: np.ndarray, fed: Dict[str, np.ndarray]
) -> Computed:
    """What real Caffe makes of an objective on a blob that is fed, by what each role is fed."""
    taken = {"z", f"{objective.name}_loss"}
    made = loss_text(objective, "z", z.shape, len(z), taken)
    assert taken >= {*made.fed, *made.losses}
    assert {role for role, _ in made.fed.values()} == set(objective.roles)
    file = tmp_path / "net.prototxt"
    file.write_bytes(declared("z", *z.shape).encode() + made.text + b"force_backward: true\n")
    arrays = {name: fed[role].reshape(shape) for name, (role, shape) in made.fed.items()}
    with choose("caffe", []).open(file) as session:
        outputs = session.forward({"z": z, **arrays})
        diffs = {name: np.full(outputs[name].shape, weight) for name, weight in made.losses.items()}
        gradient = session.backward(diffs, ["z"])["z"]
    total = sum(weight * float(outputs[name].sum()) for name, weight in made.losses.items())
    return Computed(total, gradient)


def softmax(scores: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def log_softmax(scores: np.ndarray, axis: int) -> np.ndarray:
    shifted = scores - scores.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def one_hot(best: np.ndarray, classes: int, axis: int) -> np.ndarray:
    return np.moveaxis(np.eye(classes)[best], -1, axis)


def require_near(found: Computed, loss: float, gradient: np.ndarray, size: float = 0.0) -> None:
    """Both as they should be; ``size`` is that of the largest number that is added up."""
    assert found.loss == pytest.approx(loss, rel=1e-5, abs=ROUNDED * size)
    np.testing.assert_allclose(found.gradient, gradient, atol=ROUNDED * np.abs(gradient).max())


@pytest.mark.usefixtures("caffe")
@pytest.mark.parametrize("size", [3, 60, 500])
@pytest.mark.parametrize(
    ("shape", "axis"), [((8, 10), 1), ((2, 3, 4, 5), 1), ((2, 7, 3), 2)], ids=str
)
def test_gradients_of_soft_classes_are_exact_at_any_size_of_the_scores(
    tmp_path: Path, size: float, shape: tuple, axis: int
) -> None:
    random, temperature = np.random.RandomState(0), 3.0
    z = (random.randn(*shape) * size).astype(np.float32)
    t = softmax(random.randn(*shape) * 3, axis)
    best = t.argmax(axis)
    objective = TeacherClassObjective("prob", Z, 0.5, temperature=temperature, axis=axis)
    rest = one_hot(best, shape[axis], axis) - t
    found = compute(tmp_path, objective, z, {"label:prob": best, "target:prob": rest})
    places = z.size / shape[axis]
    factor = 0.5 * temperature**2 / places
    scaled = z.astype(np.float64) / temperature
    loss = -(t * log_softmax(scaled, axis)).sum() * factor
    gradient = (softmax(scaled, axis) - t) * factor / temperature
    if size > 100:  # where a probability is no float32, Caffe takes the least one for its logarithm
        loss = found.loss
    require_near(found, loss, gradient, size * z.size * factor)


@pytest.mark.usefixtures("caffe")
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1, 1)], ids=str)
def test_labels_are_hard_classes_and_less_than_none_is_left_out(
    tmp_path: Path, shape: tuple
) -> None:
    random = np.random.RandomState(1)
    z = random.randn(*shape).astype(np.float32)
    labels = np.array([0, 5, -1, 2])
    found = compute(tmp_path, LabelObjective("prob", Z, 2.0), z, {"labels": labels})
    scores = z.reshape(4, 6).astype(np.float64)
    some = labels >= 0
    loss = -2 * log_softmax(scores, 1)[some, labels[some]].mean()
    gradient = 2 * (softmax(scores, 1) - np.eye(6)[labels]) / 3 * some[:, None]
    require_near(found, loss, gradient.reshape(shape))


@pytest.mark.usefixtures("caffe")
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1, 1)], ids=str)
def test_accuracy_is_of_the_inputs_that_have_a_class(tmp_path: Path, shape: tuple) -> None:
    z = np.random.RandomState(1).randn(*shape).astype(np.float32)
    labels = z.reshape(4, 6).argmax(1)
    labels[1:3] = labels[1] - 1, -1
    text, name = accuracy_text(LabelObjective("prob", Z), "z", "label", {"accuracy"})
    assert name != "accuracy"
    file = tmp_path / "net.prototxt"
    file.write_bytes((declared("z", *shape) + declared("label", 4)).encode() + text)
    with choose("caffe", []).open(file) as session:
        found = session.forward({"z": z, "label": labels.astype(np.float32)})[name]
    right = (labels == z.reshape(4, 6).argmax(1))[labels >= 0].mean()
    assert found == pytest.approx(right)


@pytest.mark.usefixtures("caffe")
@pytest.mark.parametrize("kind", [TeacherValueObjective, HintObjective])
@pytest.mark.parametrize("weighted", [False, True], ids=["all alike", "weighted"])
def test_values_are_compared_by_squares_in_units_of_their_scale(
    tmp_path: Path, kind: type, weighted: bool
) -> None:
    random = np.random.RandomState(2)
    z, t = random.randn(2, 4, 6, 4).astype(np.float32)
    w = random.rand(4, 6, 4) if weighted else np.ones((4, 6, 4))
    objective = kind("boxes", Z, 0.3, scale=2.5, weighted=weighted)
    fed = {"target:boxes": t, "weight:boxes": w} if weighted else {"target:boxes": t}
    found = compute(tmp_path, objective, z, fed)
    off = (z.astype(np.float64) - t) / 2.5
    gradient = 0.3 * w**2 * off / 2.5 / z.size
    require_near(found, 0.3 * 0.5 * (w**2 * off**2).mean(), gradient)


@pytest.mark.usefixtures("caffe")
@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 4, 5)], ids=str)
def test_probabilities_are_compared_before_the_sigmoid(tmp_path: Path, shape: tuple) -> None:
    random = np.random.RandomState(3)
    z = (random.randn(*shape) * 20).astype(np.float32)
    t = random.rand(*shape)
    objective = TeacherProbabilityObjective("faces", Z, 0.7)
    found = compute(tmp_path, objective, z, {"target:faces": t})
    scores = z.astype(np.float64)
    loss = np.logaddexp(0, scores) - t * scores
    p = 1 / (1 + np.exp(-scores))
    require_near(found, 0.7 * loss.mean(), 0.7 * (p - t) / z.size)


def test_names_do_not_clash_with_each_other_or_the_net() -> None:
    taken = {"prob_loss", "prob_target"}
    first = loss_text(TeacherClassObjective("prob", Z), "z", (2, 3), 2, taken)
    second = loss_text(LabelObjective("prob", Z), "z", (2, 3), 2, taken)
    names = [*first.fed, *first.losses, *second.fed, *second.losses]
    assert len(set(names)) == len(names)
    assert not {"prob_loss", "prob_target"} & set(names)
    layers = Prototxt.parse(declared("z", 2, 3).encode() + first.text + second.text).layers
    assert len({layer.name for layer in layers}) == len(layers)


def test_what_does_not_fit_a_blob_is_refused() -> None:
    objective = LabelObjective("seen", Z)
    with pytest.raises(RequestError, match=r"'z' of shape \(2, 3, 4, 4\) has scores at several"):
        loss_text(objective, "z", (2, 3, 4, 4), 2, set())
    with pytest.raises(RequestError, match="has no axis 2"):
        loss_text(replace(objective, axis=2), "z", (2, 3), 2, set())
    with pytest.raises(RequestError, match="is not of 3 inputs"):
        loss_text(objective, "z", (2, 4), 3, set())
