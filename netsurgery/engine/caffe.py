"""The ``caffe`` engine: real pycaffe, in whichever Python has it."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.engine.base import CPU, Engine, Probe, check_files
from netsurgery.engine.capabilities import Capability
from netsurgery.engine.glog import explain
from netsurgery.engine.install import private_python
from netsurgery.engine.process import WORKERS, ChildFailedError, Worker
from netsurgery.engine.registry import register_engine
from netsurgery.engine.session import (
    Parameter,
    PathLike,
    Removed,
    Session,
    Shape,
    WorkerSession,
    as_float32,
    parts_of,
    require_parameters,
)
from netsurgery.engine.training_session import TrainingFiles, TrainingSession
from netsurgery.errors import EngineError
from netsurgery.formats import scratch_folder
from netsurgery.linalg import blas_variables, thread_count
from netsurgery.network import Foreign, Network

PYTHON_VARIABLE = "NETSURGERY_CAFFE_PYTHON"
_SCRIPT = WORKERS / "caffe_worker.py"
_TRAINER = WORKERS / "caffe_trainer.py"
_PROBE_SECONDS = 60.0
_LARGE_FILE = 64e6
_INSTALL = "netsurgery engines install caffe"
_REMEDY = f"run '{_INSTALL}', or set {PYTHON_VARIABLE} to a Python 2.7 to 3.9 that imports caffe"
_DEVICE = re.compile(r"cpu|cuda(?::(\d+))?")


class _Found(NamedTuple):
    probe: Probe
    types: Tuple[str, ...]


@register_engine
class Caffe(Engine):
    """Real pycaffe, BVLC or a fork, in a child process of the Python that has it.

    The Python is the first of: the ``python`` given here, the one that the environment
    variable NETSURGERY_CAFFE_PYTHON names, this one, the one in the private environment of
    ``netsurgery engines install caffe``. One that was named is never passed over.
    """

    name = "caffe"
    preference = 0
    capabilities: FrozenSet[Capability] = frozenset(Capability) - {Capability.FLOAT16}
    installation = _INSTALL

    def __init__(
        self,
        python: Optional[PathLike] = None,
        pythonpath: Sequence[PathLike] = (),
        timeout: Optional[float] = None,
        device: str = CPU,
    ) -> None:
        """Choose where Caffe is.

        Args:
            python: The interpreter that imports caffe.
            pythonpath: Folders that come first on its module path: a fork's ``python``
                folder, those of Python layers.
            timeout: Seconds that a single request to a session may take; none: no limit.
            device: ``"cpu"``, ``"cuda"`` or ``"cuda:1"``: only a Caffe that was built for GPUs
                has others than the first.

        Raises:
            EngineError: There is no such device in Caffe.
        """
        if not _DEVICE.fullmatch(device):
            raise EngineError(
                f"engine caffe has no device {device!r}", remedy="give cpu, cuda or cuda:NUMBER"
            )
        self.device = device
        self._python = None if python is None else os.fspath(python)
        self._pythonpath = tuple(os.path.abspath(folder) for folder in pythonpath)
        self._timeout = timeout

    def probe(self) -> Probe:
        """Import caffe in a child of each candidate Python, until one succeeds."""
        return self._find().probe

    def unsupported(self, types: Iterable[str]) -> List[str]:
        """Return those of ``types`` that are not compiled into this Caffe.

        A Caffe too old to list its types (before 2015) is taken to know all.

        Raises:
            EngineError: No Caffe is usable.
        """
        known = self._usable().types
        return [name for name in types if known and name not in known]

    def unheeded(self, network: Network) -> Sequence[Foreign]:
        """Return nothing: Caffe's parser stops at what that Caffe does not know."""
        return ()

    def open(
        self, prototxt: PathLike, weights: Optional[PathLike] = None, *, phase: str = "TEST"
    ) -> CaffeSession:
        """Load a net with ``caffe.Net`` and ``copy_from``: any weights that Caffe reads.

        Raises:
            EngineError: No Caffe is usable, or it aborted; with its own message.
        """
        check_files(prototxt, weights)
        worker = _start(self._where(), self._pythonpath, self._timeout, _threads_for(weights))
        return CaffeSession(worker, prototxt, weights, phase, gpu_of(self.device))

    def reopen(
        self,
        session: Session,
        prototxt: PathLike,
        weights: Optional[PathLike] = None,
        *,
        phase: str = "TEST",
    ) -> CaffeSession:
        """Load a net in the child process of a session, which is over then.

        Raises:
            EngineError: Caffe aborted; with its own message.
        """
        check_files(prototxt, weights)
        assert isinstance(session, WorkerSession), "it is one that this engine has opened"
        gpu = gpu_of(self.device)
        return CaffeSession(session.hand_over(), prototxt, weights, phase, gpu)

    def open_training(
        self,
        files: TrainingFiles,
        *,
        losses: Mapping[str, float],
        watched: Sequence[str] = (),
        seed: int = 0,
    ) -> TrainingSession:
        """Open a net with Caffe's own solver; see :meth:`Engine.open_training`.

        It adds up on one thread, unless the user says how many: two give other last bits.

        Raises:
            EngineError: No Caffe is usable, it lacks what training needs, or it aborted.
        """
        from netsurgery.engine.caffe_training import CaffeTrainingSession

        check_files(files.train, files.test, files.weights)
        threads = 1 if blas_variables(1) else thread_count()
        worker = _start(self._where(), self._pythonpath, self._timeout, 1, _TRAINER)
        return CaffeTrainingSession(
            worker, files, losses, watched, seed, gpu_of(self.device), threads
        )

    def _where(self) -> str:
        return self._python or os.environ.get(PYTHON_VARIABLE) or self._usable().probe.where

    def _usable(self) -> _Found:
        found = self._find()
        if not found.probe.usable:
            raise EngineError(f"no usable Caffe: {found.probe.reason}", remedy=found.probe.remedy)
        return found

    def _find(self) -> _Found:
        failures = []
        for python in self._candidates():
            found = _examine(python, self._pythonpath, gpu_of(self.device))
            if found.probe.usable:
                return found
            failures.append(f"{python}: {found.probe.reason}")
        reason = "; ".join(failures) or "this Python has no caffe module, and no other is named"
        return _Found(Probe(False, reason=reason, remedy=_REMEDY), ())

    def _candidates(self) -> List[str]:
        named = self._python or os.environ.get(PYTHON_VARIABLE)
        if named:
            return [named]
        here = [sys.executable] if self._pythonpath or importlib.util.find_spec("caffe") else []
        private = private_python()
        return here + ([str(private)] if private.exists() else [])


def gpu_of(device: str) -> Optional[int]:
    """Return the number of the GPU that a device means; None for the CPU."""
    found = _DEVICE.fullmatch(device)
    return None if found is None or device == CPU else int(found[1] or 0)


class CaffeSession(WorkerSession):
    """A net that is open in pycaffe; also runs backward, takes and saves weights."""

    engine = "caffe"

    def __init__(
        self,
        worker: Worker,
        prototxt: PathLike,
        weights: Optional[PathLike],
        phase: str,
        gpu: Optional[int] = None,
    ) -> None:
        super().__init__(worker, prototxt)
        answer, _ = self._ask(
            "open",
            prototxt=os.path.abspath(prototxt),
            weights=weights and os.path.abspath(weights),
            phase=phase,
            gpu=gpu,
        )
        self.blobs = {name: tuple(shape) for name, shape in answer["blobs"]}
        self.inputs = {name: self.blobs[name] for name in answer["inputs"]}
        self.outputs = tuple(answer["outputs"])
        self._shapes = {
            name: [tuple(shape) for shape in shapes] for name, shapes in answer["parameters"]
        }

    def backward(
        self, diffs: Mapping[str, np.ndarray], blobs: Sequence[str]
    ) -> Dict[str, np.ndarray]:
        """Run the net backward; see :meth:`Session.backward`."""
        self._check_names([*diffs, *blobs])
        answer, results = self._ask(
            "backward", as_float32(diffs.values()), diffs=list(diffs), blobs=list(blobs)
        )
        if answer["untouched"]:
            raise EngineError(
                f"Caffe computes no gradient of blob {answer['untouched'][0]!r}",
                file=self._file,
                remedy="put 'force_backward: true' into the prototxt",
            )
        return dict(zip(blobs, results))

    @property
    def parameter_shapes(self) -> Mapping[str, List[Shape]]:
        """The shapes of the arrays of layers; see :attr:`Session.parameter_shapes`."""
        return self._shapes

    def forward_without(
        self,
        start: str,
        removed: Sequence[Removed],
        blobs: Sequence[str],
    ) -> Dict[str, np.ndarray]:
        """Run the end of the net without weights; see :meth:`Session.forward_without`."""
        self._check_names(blobs)
        arrays = [np.asarray(flat, np.int64) for run in removed for flat in run.values()]
        runs = [list(run) for run in removed]
        _, results = self._ask("forward_without", arrays, start=start, runs=runs, blobs=list(blobs))
        return dict(zip(blobs, results))

    def set_parameters(self, parameters: Mapping[str, Sequence[Parameter]]) -> None:
        """Overwrite layers' arrays; see :meth:`Session.set_parameters`."""
        require_parameters(self._shapes, parameters, self._file)
        for parts in parts_of(parameters):
            places = [[part.layer, part.number, part.place] for part in parts]
            self._ask("set_parameters", [part.values for part in parts], places=places)

    def save(self, path: PathLike) -> None:
        """Write the weights with Caffe's own writer; see :meth:`Session.save`."""
        target = Path(path).absolute()
        with scratch_folder(target.parent) as folder:
            made = Path(folder) / target.name
            self._ask("save", path=str(made), hdf5=target.suffix == ".h5")
            os.replace(made, target)

    def _explain(self, failure: ChildFailedError) -> EngineError:
        return explain(failure.problem, failure.stderr, self._file)


def _threads_for(weights: Optional[PathLike]) -> int:
    """Return how many threads Caffe's BLAS gets for a net.

    Of two threads one waits for the other, at work: a pass through SqueezeNet takes 5 % more
    processor time on two, one through VGG16 half as much again, and more than that where other
    processes hold the cores. Small nets are better run several at a time; of the large ones there
    is memory for one.
    """
    large = weights is not None and os.stat(weights).st_size > _LARGE_FILE
    return thread_count() if large else 1


def _start(
    python: str,
    pythonpath: Tuple[str, ...],
    timeout: Optional[float],
    threads: int = 1,
    script: Path = _SCRIPT,
) -> Worker:
    folders = [*pythonpath, *filter(None, [os.environ.get("PYTHONPATH")])]
    # Caffe's log tells which layer it was at when it died; nobody sees it otherwise.
    log = {"GLOG_minloglevel": "0", "GLOG_logtostderr": "1"}
    paths = {"PYTHONPATH": os.pathsep.join(folders)}
    environment = {**log, **paths, **blas_variables(threads)}
    try:
        return Worker(python, script, environment, timeout)
    except ChildFailedError as failure:
        raise EngineError(failure.problem, remedy=_REMEDY) from None


@functools.cache
def _examine(python: str, pythonpath: Tuple[str, ...], gpu: Optional[int] = None) -> _Found:
    try:
        worker = _start(python, pythonpath, _PROBE_SECONDS)
    except EngineError as error:
        return _Found(Probe(False, where=python, reason=error.problem), ())
    try:
        answer, _ = worker.request("probe", gpu=gpu)
    except ChildFailedError as failure:
        reason = explain(failure.problem, failure.stderr, None).problem
        return _Found(Probe(False, where=python, reason=reason), ())
    finally:
        worker.close()
    return _Found(Probe(True, answer["version"], python), tuple(answer["types"]))
