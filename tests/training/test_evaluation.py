"""Losses on inputs kept aside are those that the layers of a loss compute."""

from __future__ import annotations

import math
from typing import Any, Dict

import numpy as np
import pytest
from numpy_net import softmax
from small_training import classifier, samples

from netsurgery.calibration import Inputs
from netsurgery.network import Value
from netsurgery.training.augmentation import Augmentation
from netsurgery.training.bank import ViewBank
from netsurgery.training.evaluation import HeldOutJudge, held_out_judge, measured
from netsurgery.training.objectives import (
    LabelObjective,
    TeacherClassObjective,
    TeacherProbabilityObjective,
    TeacherValueObjective,
)

SCORES = np.random.RandomState(1).normal(size=(4, 3)) * 5
VALUE = Value("fc2", 0)


def mean(objective: Any, values: np.ndarray, rows: Dict[str, np.ndarray]) -> float:
    found = measured(objective, values, rows)
    return found.total / found.count


def test_labels_are_cross_entropy() -> None:
    labels = np.array([0, 2, 1, 1])
    objective = LabelObjective("labels", VALUE, weight=0.5)
    found = measured(objective, SCORES, {"labels": labels})
    wanted = -np.log(softmax(SCORES)[np.arange(4), labels]).mean()
    assert found.total / found.count == pytest.approx(0.5 * wanted, rel=1e-12)
    assert found.right == int((SCORES.argmax(1) == labels).sum())
    assert found.rows == 4


def test_an_input_without_a_label_has_no_part_in_it() -> None:
    objective = LabelObjective("labels", VALUE)
    found = measured(objective, SCORES, {"labels": np.array([0, -1, 1, -1])})
    assert found == measured(objective, SCORES[[0, 2]], {"labels": np.array([0, 1])})


def test_scores_far_apart_do_not_overflow() -> None:
    objective = LabelObjective("labels", VALUE)
    assert mean(objective, np.array([[1e4, 0.0]]), {"labels": np.array([1])}) == pytest.approx(1e4)


def test_a_teachers_classes_are_cross_entropy_to_its_probabilities() -> None:
    temperature, teacher = 3.0, SCORES[::-1]
    t = softmax(teacher / temperature)
    best = t.argmax(1)
    objective = TeacherClassObjective("fc2", VALUE, weight=2.0, temperature=temperature)
    rows = {"label:fc2": best.astype(np.float32), "target:fc2": np.eye(3)[best] - t}
    wanted = -(t * np.log(softmax(SCORES / temperature))).sum(axis=1).mean()
    assert mean(objective, SCORES, rows) == pytest.approx(2 * 9 * wanted, rel=1e-12)


def test_classes_along_another_axis_are_a_row_for_each_place() -> None:
    values = np.random.RandomState(2).normal(size=(2, 5, 3))
    best, p = values.argmax(axis=2), softmax(values.reshape(-1, 3))
    objective = TeacherClassObjective("x", VALUE, temperature=1.0, axis=2)
    rows = {
        "label:x": best,
        "target:x": np.eye(3)[best] - softmax(values.reshape(-1, 3)).reshape(values.shape),
    }
    found = measured(objective, values, rows)
    p = softmax(values.reshape(-1, 3))
    assert found.total / found.count == pytest.approx(-(p * np.log(p)).sum(1).mean())
    assert (found.right, found.rows, found.count) == (10, 10, 10)


def test_probabilities_are_cross_entropy_of_each() -> None:
    target = 1 / (1 + np.exp(-SCORES[::-1]))
    p = 1 / (1 + np.exp(-SCORES))
    wanted = -(target * np.log(p) + (1 - target) * np.log1p(-p)).mean()
    objective = TeacherProbabilityObjective("p", VALUE)
    assert mean(objective, SCORES, {"target:p": target}) == pytest.approx(wanted, rel=1e-9)


def test_values_are_squares_in_units_of_their_scale() -> None:
    target, weight = SCORES + 1, np.full((4, 3), 2.0)
    plain = TeacherValueObjective("v", VALUE, scale=4.0)
    assert mean(plain, SCORES, {"target:v": target}) == pytest.approx(0.5 / 16)
    weighted = TeacherValueObjective("v", VALUE, scale=4.0, weighted=True)
    rows = {"target:v": target, "weight:v": weight}
    assert mean(weighted, SCORES, rows) == pytest.approx(2.0 / 16)


class FakeSession:
    """Evaluates by a rule, and remembers how much it was fed."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores, self.fed = scores, []

    def evaluate(self, inputs: Any, blobs: Any) -> Dict[str, np.ndarray]:
        start = sum(self.fed)
        self.fed.append(len(inputs["data"]))
        rows = np.minimum(np.arange(start, start + self.fed[-1]), len(self.scores) - 1)
        return dict.fromkeys(blobs, self.scores[rows])


class Labelled:
    """Labels of inputs by their numbers."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels

    def rows(self, numbers: np.ndarray) -> Dict[str, np.ndarray]:
        return {"labels": self.labels[numbers]}


def test_every_input_kept_aside_counts_once() -> None:
    arrays = samples(19)
    labels = arrays["label"].astype(int)
    scores = np.random.RandomState(5).normal(size=(19, 3)).astype(np.float32)
    model = classifier()
    objective = LabelObjective("labels", model.network().layers[-1].bottoms[0])
    judge = HeldOutJudge(model, [objective], Inputs({"data": arrays["data"]}), Labelled(labels))
    judge._size = 8
    found = judge.judge(FakeSession(scores))  # type: ignore[arg-type]
    wanted = -np.log(softmax(scores.astype(float))[np.arange(19), labels]).mean()
    assert found.loss == pytest.approx(wanted)
    assert found.figures == {"accuracy": pytest.approx((scores.argmax(1) == labels).mean())}
    assert found.leading == "accuracy"


def test_a_net_that_overflows_is_never_the_best() -> None:
    model, labels = classifier(), np.zeros(4, int)
    objective = LabelObjective("labels", model.network().layers[-1].bottoms[0])
    data = samples(4)["data"]
    judge = HeldOutJudge(model, [objective], Inputs({"data": data}), Labelled(labels))
    with np.errstate(invalid="ignore"):
        found = judge.judge(FakeSession(np.full((4, 3), np.inf)))  # type: ignore[arg-type]
    assert math.isnan(found.loss)


class Answers:
    """A teacher that answers each view by its number."""

    roles = ("target:fc2",)

    def __init__(self, bank: ViewBank) -> None:
        self.bank = bank

    def rows(self, role: str, numbers: np.ndarray) -> np.ndarray:
        return np.repeat(numbers.astype(np.float32)[:, None], 3, axis=1)


@pytest.mark.parametrize(("part", "views"), [(3, 22), (32, 2), (64, 1), (80, 1)])
def test_few_inputs_are_judged_by_several_views_of_each(part: int, views: int) -> None:
    pictures = np.arange(90 * 4, dtype=np.float32).reshape(90, 1, 2, 2)
    augmentation, numbers = Augmentation(mirror=True), np.arange(90 - part, 90)
    inputs = Inputs({"data": pictures}, np.arange(90) % 3)
    bank = ViewBank(inputs, augmentation, views=30)
    objectives = [TeacherValueObjective("fc2", VALUE), LabelObjective("labels", VALUE)]
    judge = held_out_judge(classifier(), objectives, inputs, numbers, augmentation, Answers(bank))
    shown = np.add.outer(numbers * 30, np.arange(views)).ravel()
    np.testing.assert_array_equal(
        judge._inputs.arrays["data"][:], bank.as_inputs().arrays["data"][:][shown]
    )
    some = np.array([0, len(shown) - 1])
    rows = judge._rows.rows(some)
    np.testing.assert_array_equal(rows["target:fc2"][:, 0], shown[some])
    np.testing.assert_array_equal(rows["labels"], (shown[some] // 30) % 3)
