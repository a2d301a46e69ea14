"""The ``caffe`` engine: real pycaffe, in whichever Python has it."""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.engine.base import (
    Engine,
    PathLike,
    Probe,
    Session,
    Shape,
    as_float32,
    check_files,
)
from netsurgery.engine.glog import explain
from netsurgery.engine.install import private_python
from netsurgery.engine.process import WORKERS, ChildFailedError, Worker
from netsurgery.engine.registry import register_engine
from netsurgery.errors import EngineError
from netsurgery.formats import scratch_folder
from netsurgery.network import Foreign, Network

PYTHON_VARIABLE = "NETSURGERY_CAFFE_PYTHON"
_SCRIPT = WORKERS / "caffe_worker.py"
_PROBE_SECONDS = 60.0
_REMEDY = (
    "run 'netsurgery engines install caffe', or set "
    f"{PYTHON_VARIABLE} to a Python 2.7 to 3.9 that imports caffe"
)


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
    resumes = True

    def __init__(
        self,
        python: Optional[PathLike] = None,
        pythonpath: Sequence[PathLike] = (),
        timeout: Optional[float] = None,
    ) -> None:
        """Choose where Caffe is.

        Args:
            python: The interpreter that imports caffe.
            pythonpath: Folders that come first on its module path: a fork's ``python``
                folder, those of Python layers.
            timeout: Seconds that a single request to a session may take; none: no limit.
        """
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
        python = self._python or os.environ.get(PYTHON_VARIABLE) or self._usable().probe.where
        worker = _start(python, self._pythonpath, self._timeout)
        return CaffeSession(worker, prototxt, weights, phase)

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
        return CaffeSession(session.hand_over(), prototxt, weights, phase)

    def _usable(self) -> _Found:
        found = self._find()
        if not found.probe.usable:
            raise EngineError(f"no usable Caffe: {found.probe.reason}", remedy=found.probe.remedy)
        return found

    def _find(self) -> _Found:
        failures = []
        for python in self._candidates():
            found = _examine(python, self._pythonpath)
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


class CaffeSession(Session):
    """A net that is open in pycaffe; also runs backward, takes and saves weights."""

    def __init__(
        self, worker: Worker, prototxt: PathLike, weights: Optional[PathLike], phase: str
    ) -> None:
        super().__init__("caffe", worker, prototxt)
        answer, _ = self._ask(
            "open",
            prototxt=os.path.abspath(prototxt),
            weights=weights and os.path.abspath(weights),
            phase=phase,
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
        """Run the net backward from its last forward pass.

        Caffe computes no gradient that leads to no loss or to nothing it trains: a deploy net
        needs ``force_backward: true`` in its prototxt.

        Args:
            diffs: Gradients of a loss with respect to outputs; an output without one gets 0.
            blobs: The blobs whose gradients are wanted.

        Returns:
            A float32 copy of the gradient of each blob.

        Raises:
            EngineError: A name or a shape is wrong, or Caffe did not compute a gradient.
        """
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
        """The shapes of the arrays of every layer that has some."""
        return self._shapes

    def forward_without(
        self,
        start: str,
        removed: Sequence[Mapping[Tuple[str, int], np.ndarray]],
        blobs: Sequence[str],
    ) -> Dict[str, np.ndarray]:
        """Run the end of the net again and again, each time with zeros for other weights.

        What comes before ``start`` is taken as the last forward pass left it; afterwards the
        weights are as before, and so are all blobs that layers before ``start`` make.

        Args:
            start: The layer to start from: the first whose weights are changed, or an earlier one.
            removed: For each run the weights that are zero in it: flat indices, int64, by (layer,
                index of its array).
            blobs: The blobs to return.

        Returns:
            A float32 copy of each blob, with the runs along a new axis 0.

        Raises:
            EngineError: A name is unknown, or Caffe gave up.
        """
        self._check_names(blobs)
        arrays = [np.asarray(flat, np.int64) for run in removed for flat in run.values()]
        runs = [list(run) for run in removed]
        _, results = self._ask("forward_without", arrays, start=start, runs=runs, blobs=list(blobs))
        return dict(zip(blobs, results))

    def set_parameters(self, parameters: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Overwrite layers' arrays, all those of each layer named.

        Raises:
            EngineError: A layer is not in the net, or an array has another shape than its blob.
        """
        for name, arrays in parameters.items():
            if name not in self._shapes:
                raise EngineError("no layer with parameters", file=self._file, layer=name)
            given = [np.shape(array) for array in arrays]
            if given != self._shapes[name]:
                raise EngineError(
                    f"its blobs have the shapes {self._shapes[name]}, not {given}",
                    file=self._file,
                    layer=name,
                )
        flat = as_float32(array for arrays in parameters.values() for array in arrays)
        self._ask("set_parameters", flat, layers=list(parameters))

    def save(self, path: PathLike) -> None:
        """Write the weights with Caffe's own writer, as HDF5 where ``path`` ends in ``.h5``.

        The file appears complete or not at all.

        Raises:
            EngineError: Caffe gave up, for example on a layer name with "/" in HDF5.
        """
        target = Path(path).absolute()
        with scratch_folder(target.parent) as folder:
            made = Path(folder) / target.name
            self._ask("save", path=str(made), hdf5=target.suffix == ".h5")
            os.replace(made, target)

    def _explain(self, failure: ChildFailedError) -> EngineError:
        return explain(failure.problem, failure.stderr, self._file)


def _start(python: str, pythonpath: Tuple[str, ...], timeout: Optional[float]) -> Worker:
    folders = [*pythonpath, *filter(None, [os.environ.get("PYTHONPATH")])]
    # Caffe's log tells which layer it was at when it died; nobody sees it otherwise.
    log = {"GLOG_minloglevel": "0", "GLOG_logtostderr": "1"}
    environment = {**log, "PYTHONPATH": os.pathsep.join(folders)}
    try:
        return Worker(python, _SCRIPT, environment, timeout)
    except ChildFailedError as failure:
        raise EngineError(failure.problem, remedy=_REMEDY) from None


@functools.cache
def _examine(python: str, pythonpath: Tuple[str, ...]) -> _Found:
    try:
        worker = _start(python, pythonpath, _PROBE_SECONDS)
    except EngineError as error:
        return _Found(Probe(False, where=python, reason=error.problem), ())
    try:
        answer, _ = worker.request("probe")
    except ChildFailedError as failure:
        reason = explain(failure.problem, failure.stderr, None).problem
        return _Found(Probe(False, where=python, reason=reason), ())
    finally:
        worker.close()
    return _Found(Probe(True, answer["version"], python), tuple(answer["types"]))
