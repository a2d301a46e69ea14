"""Steps that real Caffe's own solver does, in a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Dict, Mapping, Optional

import numpy as np

from netsurgery.formats import Weights
from netsurgery.network.model import Model
from netsurgery.training.solver_settings import SolverSettings, solver_text
from netsurgery.training.training_net import TrainingNet

SCRIPT = Path(__file__).with_name("solver_steps.py")
QUICKLY = SolverSettings(base_lr=0.01, lr_policy="fixed", weight_decay=0.01, max_iter=100)


class Stepped:
    """What came of some steps: the loss of each, and the arrays of layers."""

    def __init__(self, file: Path) -> None:
        found = dict(np.load(file))
        self.losses: np.ndarray = found.pop("loss")
        self.arrays: Dict[str, Dict[int, np.ndarray]] = {}
        for name, array in found.items():
            layer, index = name.replace("|", "/").rsplit("/", 1)
            self.arrays.setdefault(layer, {})[int(index)] = array

    def moved(self, model: Model) -> Dict[str, tuple[int, ...]]:
        """The blobs of each layer that are not what a model has."""
        found = {
            name: tuple(
                index
                for index, array in blobs.items()
                if not np.array_equal(array.ravel(), model.blobs(name)[index].array().ravel())
            )
            for name, blobs in self.arrays.items()
            if model.blobs(name)
        }
        return {name: indices for name, indices in found.items() if indices}


def run_solver(
    python: str,
    solver: Path,
    weights: Optional[Weights],
    steps: int,
    fed: Optional[Mapping[str, np.ndarray]] = None,
) -> Stepped:
    """Let Caffe's solver do steps, in the folder of its text."""
    folder = solver.parent
    given = folder / "given.caffemodel"
    if weights is not None:
        with given.open("wb") as stream:
            weights.write_to(stream)
    if fed is not None:
        np.savez(folder / "fed.npz", **fed)
    words = ["" if weights is None else given.name, str(steps), "" if fed is None else "fed.npz"]
    done = subprocess.run(
        [python, str(SCRIPT), solver.name, *words, "out.npz"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Stepped(folder / "out.npz")


def steps_of(
    python: str,
    net: TrainingNet,
    folder: Path,
    fed: Mapping[str, np.ndarray],
    steps: int = 2,
    settings: SolverSettings = QUICKLY,
) -> Stepped:
    """Let Caffe's solver train a net, fed the same by role at every step."""
    (folder / "train.prototxt").write_bytes(net.train.data)
    solver = folder / "solver.prototxt"
    solver.write_bytes(solver_text(settings, net="train.prototxt", prefix="s", seed=1).data)
    arrays = {blob: fed[role] for blob, role in net.fed.items()}
    return run_solver(python, solver, net.deploy.weights, steps, arrays)
