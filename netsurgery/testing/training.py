"""Whether an engine trains by the rules of Caffe's solvers, and keeps to masks and states."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.engine import (
    Batch,
    Engine,
    MaskMode,
    StepLosses,
    TrainingFiles,
    TrainingSession,
)
from netsurgery.errors import EngineError
from netsurgery.formats import Blob, LayerWeights, SolverText, Weights

TrainingCheck = Callable[[Engine], None]
Parameters = Mapping[str, Sequence[np.ndarray]]

_BODY = """\
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 5 } } }
layer { name: "one" type: "InnerProduct" bottom: "data" top: "one"
        inner_product_param { num_output: 6 } }
layer { name: "relu" type: "ReLU" bottom: "one" top: "kept" }
layer { name: "two" type: "InnerProduct" bottom: "kept" top: "two"
        inner_product_param { num_output: 3 } }
"""
_LOSS = """\
layer { name: "label" type: "Input" top: "label" input_param { shape { dim: 4 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "two" bottom: "label" top: "loss"
        loss_weight: 2 }
"""
_SOLVER = """\
type: "SGD" base_lr: 0.1 lr_policy: "multistep" gamma: 0.5 stepvalue: 2 momentum: 0.9
weight_decay: 0.01 max_iter: 100 iter_size: 2
"""
_NOISE = 1e-4
"""Of weights around one, after some steps in float32 whose sums are taken in another order."""


def _batches(first: int, count: int) -> List[Batch]:
    made: List[Batch] = []
    for number in range(first, first + count):
        random = np.random.RandomState(number)
        data = random.normal(size=(4, 5)).astype(np.float32)
        made.append({"data": data, "label": random.randint(0, 3, 4).astype(np.float32)})
    return made


def _first_weights() -> Dict[str, List[np.ndarray]]:
    random = np.random.RandomState(0)
    shapes = {"one": [(6, 5), (6,)], "two": [(3, 6), (3,)]}
    return {
        name: [random.normal(size=shape).astype(np.float32) for shape in of]
        for name, of in shapes.items()
    }


def _masks() -> Dict[Tuple[str, int], np.ndarray]:
    random = np.random.RandomState(1)
    return {("one", 0): random.uniform(size=(6, 5)) > 0.5}


class _MadeWhenAsked(Sequence[Batch]):
    """Batches of which each is made when it is asked for; ``asked`` says which were."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.asked: List[int] = []

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: Any) -> Any:
        self.asked.append(number)
        return _batches(number, 1)[0]


@contextmanager
def _opened(engine: Engine, decay: float = 0.01) -> Iterator[TrainingSession]:
    layers = [
        LayerWeights(name, None, tuple(map(Blob.of, arrays)))
        for name, arrays in _first_weights().items()
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, test, weights = (folder / n for n in ("train.prototxt", "test.prototxt", "net.cm"))
        train.write_text(_BODY + _LOSS)
        test.write_text(_BODY)
        Weights.of(layers).write(weights)
        solver = SolverText.parse(_SOLVER.encode()).changed({"weight_decay": decay})
        files = TrainingFiles(train, solver, test, weights, folder)
        with engine.open_training(files, losses={"loss": 2.0}, seed=1) as session:
            yield session


def _it_tells_what_it_trains(engine: Engine) -> None:
    with _opened(engine) as session:
        shapes = {name: [tuple(s) for s in of] for name, of in session.parameter_shapes.items()}
        wanted = {"one": [(6, 5), (6,)], "two": [(3, 6), (3,)]}
        assert shapes == wanted, f"its parameters have the shapes {shapes}"
        inputs = {name: tuple(shape) for name, shape in session.inputs.items()}
        assert inputs == {"data": (4, 5), "label": (4,)}, f"its inputs are {inputs}"
        assert tuple(session.outputs) == ("two",), f"the test net's outputs are {session.outputs}"
        assert (session.iterations, session.iter_size) == (0, 2), "it counts iterations otherwise"
        assert not session.masks, "it has masks that nobody has set"
        for call, what in (
            (partial(session.step, _batches(0, 3)), "for half an iteration"),
            (partial(session.step, [{"data": np.zeros((4, 5))}] * 2), "to step without labels"),
            (partial(session.step_own, 1), "to step on data of its own"),
            (partial(session.parameters, ["three"]), "for a layer that is not there"),
            (partial(session.set_masks, {("one", 0): np.ones((2, 2), bool)}), "for such a mask"),
            (partial(session.evaluate, {}), "to evaluate without inputs"),
            (partial(session.restore_state, Path("no such folder")), "for a state not there"),
        ):
            _require_refusal(call, what)


def _it_trains_as_caffe_does(engine: Engine) -> None:
    lazy = _MadeWhenAsked(6)
    with _opened(engine) as session:
        found = StepLosses.joined([session.step(lazy), session.step(_batches(6, 2))])
        held = session.parameters()
        assert session.iterations == 4, f"after 4 iterations it tells {session.iterations}"
    assert lazy.asked == list(range(6)), f"of 6 batches it asks for {lazy.asked}"
    weights, losses = _trained_by_hand(_batches(0, 8))
    _require_near(held, weights, "after four iterations")
    off = np.abs(found.losses - losses).max()
    assert off < _NOISE, f"losses are off by {off:.1e}"
    assert np.allclose(found.losses, 2 * found.blobs["loss"]), "losses are not weighted"
    known = np.isnan(found.rates) | np.isclose(found.rates, [0.1, 0.1, 0.05, 0.05])
    assert known.all(), f"it tells the rates {found.rates}"


def _it_holds_masks(engine: Engine) -> None:
    """From the start, and what the solver remembers of weights that close later."""
    masks = _masks()
    mask = masks["one", 0]
    with _opened(engine, decay=0.0) as session:
        session.step(_batches(0, 4))
        before = session.parameters()
        session.set_masks(masks)
        _require_same({"one": [session.parameters()["one"][0]]}, {"one": [before["one"][0] * mask]})
        assert session.mask_mode is MaskMode.HELD
        for number in range(3):
            session.step(_batches(4 + 2 * number, 2))
            held = session.parameters(hidden=True)["one"][0]
            assert not held[~mask].any(), "weights under a mask do not stay 0"
        session.set_parameters(_first_weights())
        held = session.parameters(["one"])["one"][0]
        assert not held[~mask].any(), "weights under a mask can be set"
        session.set_masks({})
        silent = [{**batch, "data": np.zeros((4, 5), np.float32)} for batch in _batches(0, 2)]
        session.step(silent)
        held = session.parameters()["one"][0]
        assert not held[~mask].any(), "the solver remembers what stood under a mask"
        assert (held[mask] != _first_weights()["one"][0][mask]).all(), "it forgets all others too"


def _it_hides_what_dynamic_masks_close(engine: Engine) -> None:
    masks = _masks()
    mask = masks["one", 0]
    with _opened(engine) as session:
        session.set_masks(masks, MaskMode.DYNAMIC)
        shown, first = session.parameters(), _first_weights()
        _require_same(session.parameters(hidden=True), first)
        _require_same(shown, {**first, "one": [first["one"][0] * mask, first["one"][1]]})
        session.step(_batches(0, 2))
        weights, _ = _trained_by_hand(_batches(0, 2), mask)
        _require_near(session.parameters(hidden=True), weights, "under dynamic masks")
        session.set_masks(masks)
        session.step(_batches(2, 2))
        assert not session.parameters(hidden=True)["one"][0][~mask].any(), "they do not close"


def _it_evaluates_as_it_is(engine: Engine) -> None:
    data = _batches(9, 1)[0]["data"]
    with _opened(engine) as session:
        for mode in MaskMode:
            session.step(_batches(0, 2))
            session.set_masks(_masks(), mode)
            hidden = session.parameters(hidden=True)
            _require_evaluated(session, data)
            _require_same(session.parameters(hidden=True), hidden)
        _require_evaluated(session, data[:1])


def _it_resumes_to_the_bit(engine: Engine) -> None:
    with tempfile.TemporaryDirectory() as name:
        made, moved = Path(name) / "made", Path(name) / "moved"
        with _opened(engine) as session:
            session.set_masks(_masks())
            session.step(_batches(0, 2))
            session.set_rate(0.02)
            session.step(_batches(2, 4))
            session.save_state(made)
            whole = session.step(_batches(6, 6))
            weights = session.parameters()
        made.rename(moved)
        with _opened(engine) as session:
            session.restore_state(moved)
            assert session.iterations == 3, f"restored after 3, it tells {session.iterations}"
            assert not session.masks, "masks are no part of a state"
            session.set_masks(_masks())
            resumed = session.step(_batches(6, 6))
            _require_same(session.parameters(), weights)
        assert np.array_equal(whole.losses, resumed.losses), "a resumed run has other losses"
        assert np.array_equal(whole.rates, resumed.rates, equal_nan=True), "or other rates"


def _forward(weights: Parameters, data: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    kept = np.maximum(data @ weights["one"][0].T + weights["one"][1], 0)
    return kept, kept @ weights["two"][0].T + weights["two"][1]


def _gradients(weights: Parameters, batch: Batch) -> Tuple[float, Dict[str, List[np.ndarray]]]:
    """The weighted loss, and its gradients."""
    data, rows = batch["data"], np.arange(4)
    kept, scores = _forward(weights, data)
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = batch["label"].astype(int)
    loss = -2 * float(np.log(shares[rows, labels]).mean())
    shares[rows, labels] -= 1
    back = 2 * shares / len(rows)
    through = back @ weights["two"][0] * (kept > 0)
    return loss, {
        "one": [through.T @ data, through.sum(axis=0)],
        "two": [back.T @ kept, back.sum(axis=0)],
    }


def _trained_by_hand(
    batches: Sequence[Batch], mask: Optional[np.ndarray] = None
) -> Tuple[Dict[str, List[np.ndarray]], np.ndarray]:
    """What the solver above makes of the first weights: SGD by Caffe's rules, in float64."""
    weights = {name: [a.astype(np.float64) for a in of] for name, of in _first_weights().items()}
    history = {name: [np.zeros_like(a) for a in of] for name, of in weights.items()}
    losses = []
    for iteration in range(len(batches) // 2):
        run = dict(weights)
        if mask is not None:
            run["one"] = [weights["one"][0] * mask, weights["one"][1]]
        both = [_gradients(run, batch) for batch in batches[2 * iteration : 2 * iteration + 2]]
        losses.append(sum(loss for loss, _ in both) / 2)
        rate = 0.1 if iteration < 2 else 0.05
        for name, arrays in weights.items():
            for index, array in enumerate(arrays):
                gradient = sum(found[name][index] for _, found in both) / 2 + 0.01 * array
                history[name][index] = 0.9 * history[name][index] + rate * gradient
                arrays[index] = array - history[name][index]
    return weights, np.array(losses)


def _require_evaluated(session: TrainingSession, data: np.ndarray) -> None:
    found = session.evaluate({"data": data})
    _, scores = _forward(session.parameters(), data)
    assert list(found) == ["two"], f"asked for nothing, it answers {list(found)}"
    assert found["two"].shape == scores.shape, f"'two' is {found['two'].shape}"
    off = np.abs(found["two"] - scores).max()
    assert off < _NOISE, f"what it evaluates is off by {off:.1e}"


def _require_near(found: Parameters, wanted: Parameters, when: str) -> None:
    for name, arrays in wanted.items():
        off = max(float(np.abs(a - b).max()) for a, b in zip(found[name], arrays))
        assert off < _NOISE, f"{when}, weights of {name!r} are off by {off:.1e}"


def _require_same(found: Parameters, wanted: Parameters) -> None:
    for name, arrays in wanted.items():
        same = all(np.array_equal(a, b) for a, b in zip(found[name], arrays))
        assert same, f"weights of {name!r} are not what they are to be, to the bit"


def _require_refusal(call: Callable[[], object], what: str) -> None:
    told = ""
    try:
        call()
    except EngineError as error:
        told = str(error)
    assert told, f"it does not refuse, asked {what}"
    assert "\n" not in told, f"its error has several lines: {told}"


TRAINING_CHECKS: Sequence[TrainingCheck] = (
    _it_tells_what_it_trains,
    _it_trains_as_caffe_does,
    _it_holds_masks,
    _it_hides_what_dynamic_masks_close,
    _it_evaluates_as_it_is,
    _it_resumes_to_the_bit,
)
