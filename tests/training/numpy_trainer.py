"""An engine in NumPy that trains small nets: the driver must not know which engine trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

import numpy as np
from numpy_net import NumpyNet

from netsurgery.engine import (
    Capability,
    Engine,
    MaskMode,
    Probe,
    Session,
    StepLosses,
    TrainingFiles,
    TrainingSession,
)
from netsurgery.errors import EngineError
from netsurgery.formats import Prototxt, open_weights
from netsurgery.network import Masks, infer_shapes

_TYPES = {
    *("Input", "InnerProduct", "ReLU", "Dropout", "Power", "Softmax", "SoftmaxWithLoss"),
    *("Accuracy", "Eltwise", "Reduction"),
}


class NumpyTrainer(Engine):
    """Steps SGD with momentum and L2 decay, as Caffe's rules are."""

    name = "numpy"
    capabilities = frozenset({Capability.FORWARD, Capability.SOLVE})

    def __init__(self) -> None:
        self.opened: List[NumpyTrainingSession] = []

    def probe(self) -> Probe:
        return Probe(True, np.__version__)

    def unsupported(self, types: Iterable[str]) -> List[str]:
        return [name for name in types if name not in _TYPES]

    def open(self, prototxt: Any, weights: Any = None, *, phase: str = "TEST") -> Session:
        return NumpySession(NumpyNet(Prototxt.read(prototxt), open_weights(weights), phase))

    def open_training(
        self,
        files: TrainingFiles,
        *,
        losses: Mapping[str, float],
        watched: Sequence[str] = (),
        seed: int = 0,
    ) -> TrainingSession:
        session = NumpyTrainingSession(files, losses, watched, seed)
        self.opened.append(session)
        return session


class NumpySession(Session):
    """A net as it is used."""

    engine = "numpy"

    def __init__(self, net: NumpyNet) -> None:
        self._net = net
        self.inputs = {value.blob: shape for value, shape in _input_shapes(net).items()}
        self.outputs = tuple(value.blob for value in net.network.outputs)
        zeros = {name: np.zeros(shape, np.float32) for name, shape in self.inputs.items()}
        self.blobs = {name: blob.shape for name, blob in net.forward(zeros).items()}

    def forward(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        made = self._net.forward(inputs)
        return {name: np.float32(made[name]) for name in blobs or self.outputs}

    def close(self) -> None:
        pass


class NumpyTrainingSession(TrainingSession):
    """A net, its momentum, and how often it was asked."""

    engine = "numpy"

    def __init__(
        self, files: TrainingFiles, losses: Mapping[str, float], watched: Sequence[str], seed: int
    ) -> None:
        weights = open_weights(files.weights)
        self._net = NumpyNet(Prototxt.read(files.train), weights, "TRAIN")
        self._test = NumpyNet(Prototxt.read(files.test), weights, "TEST") if files.test else None
        self._losses, self._watched, self._seed = dict(losses), tuple(watched), seed
        self._solver = files.solver.parameter
        self._history = {k: [np.zeros_like(b) for b in v] for k, v in self._net.params.items()}
        self._rate: Optional[float] = None
        self.iterations, self.iter_size = 0, self._solver.iter_size
        self.masks: Masks = {}
        self.mask_mode = MaskMode.HELD
        self.threads = 1
        self.inputs = {v.blob: shape for v, shape in _input_shapes(self._net).items()}
        self.outputs = tuple(v.blob for v in self._test.network.outputs) if self._test else ()
        self.calls: List[str] = []

    @property
    def parameter_shapes(self) -> Mapping[str, List[Any]]:
        return {k: [b.shape for b in v] for k, v in self._net.params.items()}

    def step(self, batches: Sequence[Mapping[str, np.ndarray]]) -> StepLosses:
        self.calls.append(f"step {len(batches)}")
        found: List[List[float]] = []
        rates: List[float] = []
        for start in range(0, len(batches), self.iter_size):
            for diffs in self._net.diffs.values():
                for diff in diffs:
                    diff[...] = 0
            rows = [self._pass(batches[start + part]) for part in range(self.iter_size)]
            found.append(np.mean(rows, axis=0).tolist())
            rates.append(self._update())
        table = np.array(found).reshape(len(found), -1)
        names = [*self._losses, *self._watched]
        blobs = {name: table[:, place] for place, name in enumerate(names)}
        total = sum((w * blobs[name] for name, w in self._losses.items()), np.zeros(len(table)))
        return StepLosses(total, blobs, np.array(rates))

    def _pass(self, batch: Mapping[str, np.ndarray]) -> List[float]:
        made = self._net.forward(batch, self._seed * 1000003 + self.iterations)
        self._net.backward(self._losses)
        return [float(made[name]) for name in (*self._losses, *self._watched)]

    def _update(self) -> float:
        solver = self._solver
        passed = sum(1 for step in solver.stepvalue if self.iterations >= step)
        base = solver.base_lr if self._rate is None else self._rate
        rate = float(base) * float(solver.gamma) ** (passed if solver.stepvalue else 0)
        for name, blobs in self._net.params.items():
            for index, blob in enumerate(blobs):
                slope = self._net.diffs[name][index] / self.iter_size
                mask = self.masks.get((name, index))
                slope = (slope if mask is None else slope * mask) + solver.weight_decay * blob
                history = self._history[name][index]
                history[...] = solver.momentum * history + rate * slope
                blob -= history
        self.iterations += 1
        return rate

    def step_own(self, iterations: int) -> StepLosses:
        raise EngineError("reads no data")

    def parameters(
        self, layers: Optional[Iterable[str]] = None, hidden: bool = False
    ) -> Dict[str, List[np.ndarray]]:
        names = self._net.params if layers is None else layers
        return {name: [blob.copy() for blob in self._net.params[name]] for name in names}

    def set_parameters(self, parameters: Mapping[str, Sequence[np.ndarray]]) -> None:
        for name, blobs in parameters.items():
            for blob, array in zip(self._net.params[name], blobs):
                blob[...] = array

    def set_masks(self, masks: Masks, mode: MaskMode = MaskMode.HELD) -> None:
        self.masks, self.mask_mode = dict(masks), mode
        for (name, index), mask in masks.items():
            self._net.params[name][index] *= mask
            self._history[name][index] *= mask

    def set_rate(self, base: float) -> None:
        self._rate = base

    def evaluate(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str]
    ) -> Dict[str, np.ndarray]:
        assert self._test is not None
        for name, own in self._test.params.items():
            own[:] = self._net.params.get(name, own)  # others have no part in training
        made = self._test.forward(inputs)
        return {name: made[name] for name in blobs}

    def save_state(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        arrays = {}
        for kind, held in (("w", self._net.params), ("h", self._history)):
            for name, blobs in held.items():
                arrays.update({f"{kind}/{name}/{i}": blob for i, blob in enumerate(blobs)})
        np.savez(folder / "numpy.npz", **arrays)
        (folder / "numpy.json").write_text(json.dumps([self.iterations, self._rate]))

    def restore_state(self, folder: Path) -> None:
        with np.load(folder / "numpy.npz") as file:
            for kind, held in (("w", self._net.params), ("h", self._history)):
                for name, blobs in held.items():
                    for index, blob in enumerate(blobs):
                        blob[...] = file[f"{kind}/{name}/{index}"]
        self.masks = {}
        self.iterations, self._rate = json.loads((folder / "numpy.json").read_text())

    def close(self) -> None:
        self.calls.append("close")


def _input_shapes(net: NumpyNet) -> Dict[Any, Any]:
    shapes = infer_shapes(net.network)
    return {value: shapes[value] for value in net.network.inputs}
