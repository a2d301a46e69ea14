"""A net that is trained by a solver of real pycaffe, in a child process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

import numpy as np

from netsurgery.engine.glog import explain
from netsurgery.engine.process import ChildFailedError, Worker
from netsurgery.engine.session import as_float32, parts_of, require_parameters
from netsurgery.engine.training_session import (
    Batch,
    MaskMode,
    StepLosses,
    TrainingFiles,
    TrainingSession,
    fitting,
    require_batches,
    require_masks,
)
from netsurgery.engine.worker_client import WorkerClient
from netsurgery.errors import EngineError
from netsurgery.formats import SolverText, Word
from netsurgery.network import Masks

T = TypeVar("T")

_MOST_BYTES = 16 << 20
_MOST_ITERATIONS = 50
_NOT_ASKED = (
    *("train_net", "train_net_param", "net_param", "test_net", "test_net_param", "test_state"),
    *("test_iter", "test_interval", "test_initialization", "snapshot", "weights"),
)
"""Fields of a solver that say what is not done by this solver, or elsewhere."""
_SOLVER_MESSAGE = "caffe.SolverParameter"
"""In what Caffe says where it cannot read the text of a solver."""
_STATE_FILES = ("state.solverstate", "weights.caffemodel", "rest.json")


class _Fault(NamedTuple):
    """What is wrong where a trainer answers so, with ``{}`` for the answer; what there is to do."""

    problem: str
    remedy: Optional[str] = None


_FAULTS = {
    "lacks": _Fault(
        "this Caffe has no {}, which training needs",
        "use BVLC Caffe of 2017 or later: set NETSURGERY_CAFFE_PYTHON",
    ),
    "unknown": _Fault("the train net has no blob {0[0]!r}"),
    "large": _Fault("blob {0[0]!r} is watched, and not one number"),
}
"""By what a trainer answers of a net that it cannot train as it is asked to."""


class CaffeTrainingSession(WorkerClient, TrainingSession):
    """A net that Caffe's own solver trains; see ``engine/workers/caffe_trainer.py``."""

    engine = "caffe"

    def __init__(
        self,
        worker: Worker,
        files: TrainingFiles,
        losses: Mapping[str, float],
        watched: Sequence[str] = (),
        seed: int = 0,
        gpu: Optional[int] = None,
        threads: int = 1,
    ) -> None:
        """Open the net in a child process, whose script is the trainer.

        Raises:
            EngineError: As `Engine.open_training`.
        """
        super().__init__(worker, files.train)
        files.scratch.mkdir(parents=True, exist_ok=True)
        solver = files.scratch / "solver.prototxt"
        self._solver_file = files.solver.file or str(solver)
        prefix = files.scratch / "snapshot"
        solver.write_bytes(_told_anew(files, prefix, seed).data)
        parameter = files.solver.parameter
        steps = [parameter.gamma, *parameter.stepvalue]
        answer, _ = self._ask(
            "open",
            solver=_absolute(solver),
            prefix=_absolute(prefix),
            test=files.test and _absolute(files.test),
            weights=_absolute(files.weights),
            losses=[[name, weight] for name, weight in losses.items()],
            watched=list(watched),
            seed=seed,
            multistep=steps if parameter.lr_policy == "multistep" else None,
            gpu=gpu,
        )
        self._require_whole(answer)
        self._names = [*losses, *watched]
        self.iter_size = parameter.iter_size
        self.iterations = answer["iterations"]
        self.threads = threads
        self.masks: Masks = {}
        self.mask_mode = MaskMode.HELD
        self.inputs = {name: tuple(shape) for name, shape in answer["inputs"]}
        self.parameter_shapes = {
            name: [tuple(shape) for shape in shapes] for name, shapes in answer["parameters"]
        }
        self._borrowed = {(name, index) for name, index in answer["borrowed"]}
        self._test = answer["test"]
        self.outputs = tuple(self._test["outputs"]) if self._test else ()
        if not answer["seeds"]:
            self.notes = (
                "This Caffe sets no random seed: a net with Dropout does not resume bit for bit.",
            )

    def step(self, batches: Sequence[Batch]) -> StepLosses:
        """Do iterations on batches, some megabytes at a time; see :meth:`TrainingSession.step`."""
        require_batches(self, len(batches), self._file)
        chunks = _ahead(self._chunks(batches))
        return StepLosses.joined([self._do(arrays, count) for arrays, count in chunks])

    def step_own(self, iterations: int) -> StepLosses:
        """Do iterations on the net's own data; see :meth:`TrainingSession.step_own`."""
        if self.inputs:
            raise EngineError(
                f"the net is fed {sorted(self.inputs)}, and reads no data of its own",
                file=self._file,
            )
        if iterations < 1:
            raise EngineError("no iterations to do", file=self._file)
        counts = [
            min(_MOST_ITERATIONS, iterations - first)
            for first in range(0, iterations, _MOST_ITERATIONS)
        ]
        return StepLosses.joined([self._do((), count) for count in counts])

    def parameters(
        self, layers: Optional[Iterable[str]] = None, hidden: bool = False
    ) -> Dict[str, List[np.ndarray]]:
        """Return layers' arrays; see :meth:`TrainingSession.parameters`."""
        names = list(self.parameter_shapes if layers is None else layers)
        for name in names:
            if name not in self.parameter_shapes:
                raise EngineError("no layer with parameters", file=self._file, layer=name)
        answer, arrays = self._ask("parameters", layers=names, hidden=hidden)
        rest = iter(arrays)
        return {name: [next(rest) for _ in range(n)] for name, n in zip(names, answer["counts"])}

    def set_parameters(self, parameters: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Overwrite layers' arrays; see :meth:`TrainingSession.set_parameters`."""
        require_parameters(self.parameter_shapes, parameters, self._file)
        for parts in parts_of(parameters):
            places = [[part.layer, part.number, part.place] for part in parts]
            self._ask("set_parameters", [part.values for part in parts], places=places)

    def set_masks(self, masks: Masks, mode: MaskMode = MaskMode.HELD) -> None:
        """Set masks in the place of others; see :meth:`TrainingSession.set_masks`.

        Where weights close after the first iteration, Caffe writes what its solver remembers to a
        file, and reads it again: some 20 ms for LeNet; for a net of 500 MB half a minute, and twice
        the memory that training it takes.
        """
        require_masks(self.parameter_shapes, masks, self._file)
        for layer, index in masks:
            if (layer, index) in self._borrowed:
                raise EngineError(
                    f"its blob {index} is another layer's, which the mask should name",
                    file=self._file,
                    layer=layer,
                )
        own = {key: np.array(mask, bool) for key, mask in masks.items()}
        closing = {key: mask for key, mask in own.items() if not mask.all()}
        dynamic = mode is MaskMode.DYNAMIC
        keys = [list(key) for key in closing]
        shaped = [
            mask.reshape(self.parameter_shapes[key[0]][key[1]]) for key, mask in closing.items()
        ]
        self._ask("set_masks", shaped, keys=keys, dynamic=dynamic)
        self.masks, self.mask_mode = own, mode

    def set_rate(self, base: float) -> None:
        """Set the base rate; see :meth:`TrainingSession.set_rate`."""
        answer, _ = self._ask("set_rate", base=base)
        if not answer["taken"]:
            raise EngineError(
                "this Caffe cannot change the learning rate of a running solver",
                file=self._file,
                remedy="give the solver the rate from the start, or use BVLC Caffe of 2018",
            )

    def evaluate(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        """Run the test net; see :meth:`TrainingSession.evaluate`."""
        if self._test is None:
            raise EngineError("no test net was opened beside the train net", file=self._file)
        if set(inputs) != set(self._test["inputs"]):
            wanted = sorted(self._test["inputs"])
            problem = f"the test net's inputs are {wanted}, not {sorted(inputs)}"
            raise EngineError(problem, file=self._file)
        names = list(blobs or self.outputs)
        known = {name for name, _ in self._test["blobs"]}
        for name in names:
            if name not in known:
                raise EngineError(f"the test net has no blob {name!r}", file=self._file)
        arrays = as_float32(inputs.values())
        _, results = self._ask("evaluate", arrays, inputs=list(inputs), blobs=names)
        return dict(zip(names, results))

    def save_state(self, folder: Path) -> None:
        """Write the state; see :meth:`TrainingSession.save_state`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._ask("save_state", folder=_absolute(folder))

    def restore_state(self, folder: Path) -> None:
        """Go back to a state; see :meth:`TrainingSession.restore_state`."""
        for name in _STATE_FILES:
            if not (folder / name).is_file():
                raise EngineError(f"no state of a training: it lacks {name}", file=folder)
        answer, _ = self._ask("restore_state", folder=_absolute(folder))
        self.iterations = answer["iterations"]
        self.masks, self.mask_mode = {}, MaskMode.HELD

    def _do(self, arrays: Sequence[np.ndarray], iterations: int) -> StepLosses:
        answer, (blobs, losses, rates) = self._ask("step", arrays, iterations=iterations)
        self.iterations = answer["iterations"]
        return StepLosses(losses, dict(zip(self._names, blobs.T)), rates)

    def _chunks(self, batches: Sequence[Batch]) -> Iterator[Tuple[List[np.ndarray], int]]:
        """Batches of whole iterations, as they go through the pipe at once, with how many."""
        arrays: List[np.ndarray] = []
        count = 0
        for first in range(0, len(batches), self.iter_size):
            for number in range(first, first + self.iter_size):
                arrays += fitting(self, batches[number], self._file)
            count += 1
            full = sum(array.nbytes for array in arrays) >= _MOST_BYTES
            if full or count == _MOST_ITERATIONS:
                yield arrays, count
                arrays, count = [], 0
        if count:
            yield arrays, count

    def _require_whole(self, answer: Mapping[str, Any]) -> None:
        """See that Caffe has what training needs, and the net the blobs that are asked for."""
        for name, fault in _FAULTS.items():
            if answer.get(name):
                self.close()
                raise EngineError(
                    fault.problem.format(answer[name]), file=self._file, remedy=fault.remedy
                )

    def _explain(self, failure: ChildFailedError) -> EngineError:
        file = self._solver_file if _SOLVER_MESSAGE in failure.stderr else self._file
        return explain(failure.problem, failure.stderr, file)


def _absolute(path: Path) -> str:
    return str(path.absolute())


def _told_anew(files: TrainingFiles, prefix: Path, seed: int) -> SolverText:
    """The text of a solver that trains this net, tests nothing and saves only when it is asked."""
    return files.solver.changed(
        {
            **dict.fromkeys(_NOT_ASKED),
            "net": _absolute(files.train),
            "snapshot_prefix": _absolute(prefix),
            "snapshot_format": Word("BINARYPROTO"),
            "random_seed": seed,
            "display": 0,
        }
    )


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield items, the next of which is made in another thread meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, items, None)
        while True:
            item = waiting.result()
            if item is None:
                return
            waiting = pool.submit(next, items, None)
            yield item
