"""A classifier that tests train: 4 numbers, two layers, 3 classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import numpy as np
from numpy_trainer import NumpyTrainer
from small_models import make_model

from netsurgery.engine import TrainingSession
from netsurgery.formats import Prototxt
from netsurgery.network import Model
from netsurgery.training.history import Judged
from netsurgery.training.solver_settings import SolverSettings
from netsurgery.training.trainer import Trained, Trainer, TrainingPlan
from netsurgery.training.training_net import TrainingNet

BODY = """\
layer { name: "fc1" type: "InnerProduct" bottom: "data" top: "fc1"
        inner_product_param { num_output: 6 } }
layer { name: "relu" type: "ReLU" bottom: "fc1" top: "fc1" }
DROPOUTlayer { name: "fc2" type: "InnerProduct" bottom: "fc1" top: "fc2"
        inner_product_param { num_output: 3 } }
"""
DROPOUT = """\
layer { name: "drop" type: "Dropout" bottom: "fc1" top: "fc1"
        dropout_param { dropout_ratio: 0.25 } }
"""
INPUT = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 8 dim: 4 } } }
"""
LOSS = """\
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 8 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "fc2" bottom: "label" top: "loss" }
layer { name: "accuracy" type: "Accuracy" bottom: "fc2" bottom: "label" top: "accuracy" }
"""
PROB = 'layer { name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }\n'


def classifier(seed: int = 0, hidden: str = DROPOUT) -> Model:
    """The net as it is used."""
    random = np.random.RandomState(seed)
    blobs = {
        "fc1": [random.normal(size=(6, 4)) * 0.4, random.normal(size=6) * 0.1],
        "fc2": [random.normal(size=(3, 6)) * 0.4, np.zeros(3)],
    }
    return make_model(INPUT + BODY.replace("DROPOUT", hidden) + PROB, blobs)


def training_net_of(model: Model, hidden: str = DROPOUT) -> TrainingNet:
    """The same with a loss."""
    text = INPUT + BODY.replace("DROPOUT", hidden) + LOSS
    return TrainingNet(
        train=Prototxt.parse(text.encode()),
        deploy=model,
        fed={"data": "data:data", "label": "labels"},
        losses={"loss": 1.0},
        accuracy="accuracy",
        own_data=False,
        notes=(),
    )


def samples(count: int = 64, seed: int = 3) -> Dict[str, np.ndarray]:
    """Points in three clouds, and which one each is from."""
    random = np.random.RandomState(seed)
    labels = random.randint(0, 3, count)
    centres = np.array([[2, 0, 0, 1], [0, 2, 0, -1], [0, 0, 2, 0]])
    data = centres[labels] + random.normal(size=(count, 4)) * 0.8
    return {"data": data.astype(np.float32), "label": labels.astype(np.float32)}


class SampleFeed:
    """Batches of 8, drawn by their number."""

    def __init__(self, arrays: Dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.asked: List[int] = []

    def batch(self, number: int) -> Dict[str, np.ndarray]:
        self.asked.append(number)
        rows = np.random.RandomState(number).randint(0, len(self.arrays["data"]), 8)
        return {name: array[rows] for name, array in self.arrays.items()}


class LossJudge:
    """The loss and the accuracy on some samples, by what the session evaluates."""

    def __init__(self, arrays: Dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.times = 0

    def judge(self, session: TrainingSession) -> Judged:
        self.times += 1
        made = session.evaluate({"data": self.arrays["data"]}, ["prob"])["prob"]
        labels = self.arrays["label"].astype(int)
        loss = -np.log(made[np.arange(len(labels)), labels]).mean()
        return Judged(float(loss), {"accuracy": float((made.argmax(1) == labels).mean())})


def plan(steps: int = 30, **changes: Any) -> TrainingPlan:
    """A run with a validation every 5 steps."""
    fields: Dict[str, Any] = {"stepvalue": (20,), "base_lr": 0.05, "max_iter": steps}
    for name in ("iter_size", "base_lr", "type"):
        if name in changes:
            fields[name] = changes.pop(name)
    return TrainingPlan(SolverSettings(**fields), steps, **{"validate_every": 5, **changes})


def trainer(
    folder: Path,
    chosen: TrainingPlan,
    *,
    engine: Optional[NumpyTrainer] = None,
    judge: Optional[Any] = None,
    masks: Any = None,
    hooks: Sequence[Any] = (),
    **others: Any,
) -> Trainer:
    """A trainer of the classifier."""
    return Trainer(
        training_net_of(classifier()),
        others.pop("feed", None) or SampleFeed(samples()),
        judge or LossJudge(samples(40, 9)),
        chosen,
        engine or NumpyTrainer(),
        folder,
        masks=masks,
        hooks=hooks,
        **others,
    )


def same_bits(one: Trained, other: Trained) -> bool:
    """Whether two runs ended in the same weights, bit for bit."""
    return one.arrays.keys() == other.arrays.keys() and all(
        np.array_equal(a.view(np.uint32), b.view(np.uint32))
        for name in one.arrays
        for a, b in zip(one.arrays[name], other.arrays[name])
    )
