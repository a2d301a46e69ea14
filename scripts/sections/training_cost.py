"""What steps of training cost: driven from outside, by Caffe alone, and of smaller nets."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
from accuracy import Net
from smaller import NETS as CIFAR, PLANNER, Smaller, smaller
from sparse import NETS as MNIST
from store import KNOWN_ONLY, MeasurementStore
from training_data import training_data
from tuning import TRAINED
from zoo_data import ZooData

from netsurgery.engine import Capability, choose
from netsurgery.formats import scratch_folder
from netsurgery.network.model import Model
from netsurgery.training import (
    Batches,
    Feed,
    SolverSettings,
    TrainingNet,
    label_objective,
    open_training,
    solver_text,
)
from netsurgery.training.training_net import training_net

TITLE = "What a step of training costs"
CODE = (*TRAINED, "engine/caffe_training.py", "training/opening.py")
NETS = {**MNIST, **CIFAR}
BATCHES = dict.fromkeys(MNIST, 64)
BATCHES.update(dict.fromkeys(CIFAR, 100))
STEPS: Dict[str, Tuple[int, int]] = {"dns_lenet300100": (200, 2200), "lenet_everpeace": (20, 170)}
FEW = (4, 24)
TURNS = 3
ALLOWED = 0.05
SHARE = 0.35
_SCRIPT = Path(__file__).resolve().parent.parent / "own_steps.py"
_INTRODUCTION = f"""\
Processor time of a step, all processes together, one thread of BLAS: that of a run of many steps
less that of one of few, the least of {TURNS} runs each, in turn. *Caffe alone*: `solver.solve()` of
the same net, as `caffe train` does it, fed by Caffe's own HDF5Data layer. *driven*: as `netsurgery
finetune` does it: fed from another process, losses sent back, random numbers seeded at each step.
*more* is to be at most {ALLOWED:.0%}. *smaller*: driven, the planner's net at {SHARE} of the MACs.
"""


class _Step(NamedTuple):
    """Processor seconds of a step."""

    alone: float
    driven: float
    smaller: Optional[float]


def write(zoo: Path, data: Path) -> str:
    """Return the section as Markdown.

    Args:
        zoo: The folder of models.
        data: The folder of images.
    """
    source, store = ZooData(data, zoo), MeasurementStore("training_cost", CODE)
    titles = ["net", "batch", "Caffe alone", "driven", "more", "smaller", "of the original's"]
    rows = [f"| {' | '.join(titles)} |", "|---|" + "---:|" * (len(titles) - 1)]
    for name in NETS:
        if store.get([name]) is None and not KNOWN_ONLY:
            store.add([name], _measure(name, source))
            print(name, *store.get([name]) or (), file=sys.stderr)
        got = store.get([name])
        cells = ["-"] * 5 if got is None else _cells(_Step(*got))
        rows.append(f"| {' | '.join([name, str(BATCHES[name]), *cells])} |")
    return "\n".join([_INTRODUCTION, *rows, ""])


def _cells(step: _Step) -> List[str]:
    cells = [f"{1000 * step.alone:.2f} ms", f"{1000 * step.driven:.2f} ms"]
    cells.append(f"{100 * (step.driven / step.alone - 1):+.1f} %")
    if step.smaller is None:
        return [*cells, "-", "-"]
    return [*cells, f"{1000 * step.smaller:.2f} ms", f"{step.smaller / step.driven:.2f}"]


def _measure(name: str, data: ZooData) -> _Step:
    net = NETS[name]
    model = net.load(data.zoo)
    runs: List[Callable[[int], None]] = [_Own(net, model, data), _Driven(net, model, data)]
    if name in CIFAR:
        small = smaller(Smaller(name, PLANNER, SHARE), data)
        runs.append(_Driven(net, small, data))
    few, many = STEPS.get(name, FEW)
    found: Dict[Tuple[int, int], List[float]] = {}
    for _ in range(TURNS):
        for number, run in enumerate(runs):
            for steps in (few, many):
                found.setdefault((number, steps), []).append(_processor_seconds(run, steps))
    each = [
        (min(found[number, many]) - min(found[number, few])) / (many - few)
        for number in range(len(runs))
    ]
    return _Step(each[0], each[1], each[2] if len(each) > 2 else None)


def _processor_seconds(run: Callable[[int], None], steps: int) -> float:
    before = _used()
    run(steps)
    return _used() - before


def _used() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


class _Prepared:
    """A net that is trained on its data, not mirrored or moved, as Caffe alone reads them."""

    def __init__(self, net: Net, model: Model, data: ZooData) -> None:
        found = training_data(net, model, data)
        objective = label_objective(model, found.task_output)
        self.batch = BATCHES[net.folder]
        self.net: TrainingNet = training_net(model, [objective], batch=self.batch)
        (value,) = model.network().inputs
        seen = data.calibration(data.zoo / net.folder / net.weights, value.blob, len(found.seen))
        assert seen, "all that are tuned have images"
        self.feed = Feed(self.net, seen, np.arange(len(seen)), batch=self.batch)
        self.settings = SolverSettings(base_lr=1e-4, lr_policy="fixed", max_iter=10000)


class _Driven(_Prepared):
    """Stepped as `finetune` does it."""

    def __call__(self, steps: int) -> None:
        engine = choose("caffe", [self.net.deploy.network()], [Capability.SOLVE])
        with open_training(self.net, self.settings, engine) as session:
            session.step(Batches(self.feed, 0, steps))


class _Own(_Prepared):
    """Stepped by Caffe alone."""

    def __call__(self, steps: int) -> None:
        with scratch_folder() as place:
            folder = Path(place)
            paths = [folder / name for name in ("train.prototxt", "solver.prototxt", "net", "h5")]
            train, solver, weights, file = paths
            train.write_bytes(self.net.train.data)
            text = solver_text(self.settings, net="net", prefix=str(folder / "state"), seed=0)
            solver.write_bytes(text.data)
            assert self.net.deploy.weights
            self.net.deploy.weights.write(weights)
            self._write_data(file)
            words = [*map(str, paths), str(self.batch), str(steps)]
            python = os.environ["NETSURGERY_CAFFE_PYTHON"]
            environment = {**os.environ, "GLOG_minloglevel": "2"}
            environment.pop("PYTHONPATH", None)
            command = [python, str(_SCRIPT), *words]
            subprocess.run(command, check=True, env=environment, capture_output=True)

    def _write_data(self, file: Path) -> None:
        """A few batches, read again and again."""
        import h5py

        batches = self.feed.batches(0, 20)
        with h5py.File(file, "w") as stream:
            for blob in self.net.fed:
                stream[blob] = np.concatenate([one[blob] for one in batches])
