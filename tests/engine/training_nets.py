"""A small net that tests train: two layers, classes from ten numbers."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import numpy as np

from netsurgery.engine import Batch, Engine, TrainingFiles, TrainingSession
from netsurgery.engine.workers.solver_state import histories
from netsurgery.formats import Blob, LayerWeights, SolverText, Weights

STATE = "state.solverstate"
ROWS, WIDTH, HIDDEN, CLASSES = 6, 10, 8, 3
INPUT = """\
layer {{ name: "data" type: "Input" top: "data"
        input_param {{ shape {{ dim: {rows} dim: 10 }} }} }}
"""
BODY = """\
layer { name: "one" type: "InnerProduct" bottom: "data" top: "one"
        inner_product_param { num_output: 8 } }
layer { name: "relu" type: "ReLU" bottom: "one" top: "kept" }
layer { name: "drop" type: "Dropout" bottom: "kept" top: "kept" }
layer { name: "two" type: "InnerProduct" bottom: "kept" top: "two"
        inner_product_param { num_output: 3 } }
"""
LOSSES = """\
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 6 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "two" bottom: "label" top: "loss"
        loss_weight: 2 }
layer { name: "accuracy" type: "Accuracy" bottom: "two" bottom: "label" top: "accuracy" }
"""
TRAIN = INPUT.format(rows=ROWS) + BODY + LOSSES
TEST = INPUT.format(rows=1) + BODY
DROPOUT = 'layer { name: "drop" type: "Dropout" bottom: "kept" top: "kept" }\n'
STEADY = TRAIN.replace(DROPOUT, "")
MASK = np.random.RandomState(1).uniform(size=(8, 10)) > 0.5
MASKS = {("one", 0): MASK, ("two", 0): np.random.RandomState(2).uniform(size=(3, 8)) > 0.5}
SOLVERS = {
    "SGD": "momentum: 0.9",
    "Nesterov": "momentum: 0.9",
    "AdaGrad": "delta: 1e-6",
    "RMSProp": "rms_decay: 0.98",
    "AdaDelta": "momentum: 0.95 delta: 1e-6",
    "Adam": "momentum: 0.9 momentum2: 0.999",
}


def solver_text(kind: str = "SGD", rest: Optional[str] = None, more: str = "") -> SolverText:
    rest = SOLVERS[kind] if rest is None else rest
    return SolverText.parse(
        f'type: "{kind}" base_lr: 0.05 lr_policy: "multistep" gamma: 0.5\n'
        f"stepvalue: 4 stepvalue: 9 weight_decay: 0.01 max_iter: 100 {rest} {more}\n".encode()
    )


class LazyBatches(Sequence[Batch]):
    """Random batches, each made when it is asked for; ``asked`` says which were."""

    def __init__(self, first: int, count: int) -> None:
        self._first, self._count = first, count
        self.asked: List[int] = []

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        self.asked.append(index)
        random = np.random.RandomState(self._first + index)
        return {
            "data": random.normal(size=(ROWS, WIDTH)).astype(np.float32),
            "label": random.randint(0, CLASSES, ROWS).astype(np.float32),
        }


def batches(first: int, count: int) -> List[Batch]:
    lazy = LazyBatches(first, count)
    return [lazy[index] for index in range(count)]


def first_weights(seed: int = 0) -> Dict[str, List[np.ndarray]]:
    random = np.random.RandomState(seed)
    shapes = {"one": [(HIDDEN, WIDTH), (HIDDEN,)], "two": [(CLASSES, HIDDEN), (CLASSES,)]}
    return {
        name: [random.normal(0, 0.5, shape).astype(np.float32) for shape in of]
        for name, of in shapes.items()
    }


_numbers: Iterator[int] = itertools.count()


def files_in(
    folder: Path,
    solver: Optional[SolverText] = None,
    train: str = TRAIN,
    test: Optional[str] = TEST,
    weights: Optional[Dict[str, List[np.ndarray]]] = None,
) -> TrainingFiles:
    """Write a net to train into a new folder of ``folder``."""
    own = folder / f"training{next(_numbers)}"
    own.mkdir()
    layers = [
        LayerWeights(name, None, tuple(map(Blob.of, arrays)))
        for name, arrays in (weights or first_weights()).items()
    ]
    made = TrainingFiles(
        own / "train.prototxt",
        solver or solver_text(),
        own / "test.prototxt" if test else None,
        own / "net.caffemodel",
        own,
    )
    made.train.write_text(train)
    if made.test and test:
        made.test.write_text(test)
    Weights.of(layers).write(made.weights)
    return made


def opened(engine: Engine, files: TrainingFiles, seed: int = 3) -> TrainingSession:
    return engine.open_training(files, losses={"loss": 2.0}, watched=["accuracy"], seed=seed)


def same(one: Dict[str, List[np.ndarray]], other: Dict[str, List[np.ndarray]]) -> bool:
    return list(one) == list(other) and all(
        np.array_equal(a, b) for name in one for a, b in zip(one[name], other[name])
    )


def is_closed(session: TrainingSession) -> bool:
    held = session.parameters(hidden=True)
    return all(not held[name][index][~mask].any() for (name, index), mask in MASKS.items())


def losses_by_hand(weights: Dict[str, List[np.ndarray]], batch: Any) -> float:
    """Of the net without dropout."""
    kept = np.maximum(batch["data"] @ weights["one"][0].T + weights["one"][1], 0)
    scores = kept @ weights["two"][0].T + weights["two"][1]
    right = scores[np.arange(len(scores)), batch["label"].astype(int)]
    return float(np.mean(np.log(np.exp(scores).sum(axis=1)) - right))


def histories_of(state: Path) -> List[np.ndarray]:
    """What a saved solver remembers, slot by slot."""
    return [np.array(slot) for slot in histories(np.fromfile(state / STATE, np.uint8))]
