"""The ``opencv`` engine: the Caffe importer of OpenCV 4, in a child process of this Python."""

from __future__ import annotations

import functools
import os
import re
import sys
from pathlib import Path
from typing import Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from netsurgery.engine.base import Engine, Obstacle, Probe, check_files
from netsurgery.engine.capabilities import Capability
from netsurgery.engine.opencv_limits import knows, runs, why_not
from netsurgery.engine.process import WORKERS, ChildFailedError, Worker
from netsurgery.engine.registry import register_engine
from netsurgery.engine.session import (
    PathLike,
    Session,
    Shape,
    Wanted,
    WorkerSession,
    as_float32,
)
from netsurgery.engine.taps import tap
from netsurgery.engine.workers.channel import gathered
from netsurgery.errors import EngineError
from netsurgery.formats import Prototxt, scratch_folder
from netsurgery.network import (
    Foreign,
    Network,
    Shapes,
    foreign_to,
    in_stock_words,
    trace_shapes,
)

_INSTALL = "pip install 'netsurgery[opencv]'"
_REMEDY = "use the engine caffe"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ERROR = re.compile(r"OpenCV\([^)]*\) (?:\S*/)?(?P<place>[\w.]+:\d+): error: (?P<text>.*)", re.S)
_PROBE_SECONDS = 60.0


@register_engine
class OpenCv(Engine):
    """OpenCV 4's own reader and layers, in a child process: a bad net can crash it.

    Runs with Winograd convolutions and layer fusion off, on the CPU, which keeps it within
    float noise of Caffe.
    """

    name = "opencv"
    preference = 1
    capabilities: FrozenSet[Capability] = frozenset(
        {
            Capability.FORWARD,
            Capability.READ_PARAMETERS,
            Capability.TIME,
            Capability.FLOAT16,
        }
    )
    installation = _INSTALL

    def __init__(self, timeout: Optional[float] = None) -> None:
        """Choose how long a single request to a session may take, in seconds; none: no limit."""
        self._timeout = timeout

    def probe(self) -> Probe:
        """Import cv2 in a child process and see whether it reads Caffe models."""
        return _examine()

    def unsupported(self, types: Iterable[str]) -> List[str]:
        """Return those of ``types`` that OpenCV's importer refuses."""
        return [name for name in types if not runs(name)]

    def obstacles(self, network: Network) -> List[Obstacle]:
        """Return the layers that OpenCV refuses, and those that it computes otherwise than Caffe.

        Raises:
            NetworkError: Caffe itself would not build this net.
        """
        words = in_stock_words(network, None, self.unsupported).prototxt
        if words is network.prototxt:
            return _obstacles(network, trace_shapes(network)[0])
        state = network.state
        given = Network.of(words, state.phase, state.level, state.stages, network.given)
        own = {layer.name: layer for layer in network.layers}
        return [
            one._replace(layer=own.get(one.layer.name, one.layer))
            for one in _obstacles(given, trace_shapes(given)[0])
        ]

    def unheeded(self, network: Network) -> List[Foreign]:
        """Return the fields of forks that OpenCV's own schema does not have either."""
        return [one for one in foreign_to(network) if not knows(one.path)]

    def open(
        self, prototxt: PathLike, weights: Optional[PathLike] = None, *, phase: str = "TEST"
    ) -> OpenCvSession:
        """Load what Caffe would build of a net for TEST, with weights in protobuf form.

        Raises:
            EngineError: OpenCV is not usable, cannot run a layer, or refuses the files.
            FormatError: The prototxt cannot be read.
            NetworkError: Caffe itself would not build this net.
        """
        return self._open(prototxt, weights, phase)

    def reopen(
        self,
        session: Session,
        prototxt: PathLike,
        weights: Optional[PathLike] = None,
        *,
        phase: str = "TEST",
    ) -> OpenCvSession:
        """Load a net in the child process of a session, which is over then.

        Raises:
            EngineError: OpenCV cannot run a layer, or refuses the files.
            FormatError: The prototxt cannot be read.
            NetworkError: Caffe itself would not build this net.
        """
        return self._open(prototxt, weights, phase, session)

    def _open(
        self,
        prototxt: PathLike,
        weights: Optional[PathLike],
        phase: str,
        before: Optional[Session] = None,
    ) -> OpenCvSession:
        check_files(prototxt, weights)
        probe = self.probe()
        if not probe.usable:
            raise EngineError(probe.reason, remedy=probe.remedy)
        if phase != "TEST":
            raise EngineError("OpenCV runs no phase but TEST", file=prototxt, remedy="use caffe")
        if weights is not None and _is_hdf5(weights):
            raise EngineError(
                "OpenCV cannot read HDF5 weights",
                file=weights,
                remedy="make a caffemodel of it with 'netsurgery convert'",
            )
        network = Network.of(Prototxt.read(prototxt))
        shapes, _ = trace_shapes(network)
        for obstacle in _obstacles(network, shapes):
            raise obstacle.error(network)
        net = tap(network)
        inputs = {value.blob: shapes[value] or () for value in network.inputs}
        outputs = tuple(value.blob for value in network.outputs)
        assert before is None or isinstance(before, WorkerSession), "one that this engine opened"
        worker = before.hand_over() if before else _start(self._timeout)
        session = OpenCvSession(worker, prototxt, inputs, outputs, net.layers)
        session.load(net.text, weights)
        return session


class OpenCvSession(WorkerSession):
    """A net that is open in OpenCV. It runs forward only."""

    engine = "opencv"

    def __init__(
        self,
        worker: Worker,
        prototxt: PathLike,
        inputs: Dict[str, Shape],
        outputs: Tuple[str, ...],
        layers: Dict[str, str],
    ) -> None:
        super().__init__(worker, prototxt)
        self.inputs = inputs
        self.outputs = outputs
        self._layers = layers

    def load(self, text: bytes, weights: Optional[PathLike]) -> None:
        """Read the net from its tapped prototxt and its weights.

        Raises:
            EngineError: OpenCV refuses them.
        """
        with scratch_folder() as folder:
            path = Path(folder) / "net.prototxt"
            path.write_bytes(text)
            answer, _ = self._ask(
                "open",
                prototxt=str(path),
                weights=os.path.abspath(weights) if weights else "",
                inputs=list(self.inputs.values()),
                layers=list(self._layers.values()),
            )
        self.blobs = {**self.inputs, **dict(zip(self._layers, map(tuple, answer["shapes"])))}

    def gather(
        self, inputs: Mapping[str, np.ndarray], wanted: Sequence[Wanted]
    ) -> List[np.ndarray]:
        """Run the net; see :meth:`Session.gather`. Inputs are cut here: they are no layers."""
        self._check_names(name for name, _ in wanted)
        made = [one for one in wanted if one[0] in self._layers]
        computed = iter(self._run(inputs, made, layers=[self._layers[name] for name, _ in made]))
        results = []
        for name, at in wanted:
            if name in self._layers:
                results.append(self._in_shape(name, next(computed)))
            else:
                (given,) = as_float32([inputs[name]])
                results.append(given if at is None else gathered(given, at))
        return results

    def _in_shape(self, blob: str, array: np.ndarray) -> np.ndarray:
        # OpenCV writes a vector as a matrix of one column.
        return array.reshape(-1) if len(self.blobs[blob]) == 1 else array

    def _explain(self, failure: ChildFailedError) -> EngineError:
        said = _ERROR.search(failure.problem)
        text = f"{said['place']}: {said['text']}" if said else failure.problem
        return EngineError(f"OpenCV says: {' '.join(text.split())}", file=self._file)


def _obstacles(network: Network, shapes: Shapes) -> List[Obstacle]:
    """What keeps OpenCV from running a net, in the words in which it stands, as Caffe does."""
    found = []
    for layer in network.layers:
        if not network.stands_in(layer):
            reason = why_not(layer, [shapes[value] for value in layer.bottoms])
            found += [Obstacle(reason, layer, _REMEDY)] if reason else []
    for name in network.duplicate_names:
        twin = next(layer for layer in network.layers if layer.name == name)
        found.append(Obstacle("OpenCV cannot tell layers of one name apart", twin, _REMEDY))
    return found


def _start(timeout: Optional[float]) -> Worker:
    try:
        return Worker(sys.executable, WORKERS / "opencv_worker.py", {}, timeout)
    except ChildFailedError as failure:
        raise EngineError(failure.problem) from None


def _is_hdf5(path: PathLike) -> bool:
    with open(path, "rb") as stream:
        return stream.read(len(_HDF5)) == _HDF5


@functools.cache
def _examine() -> Probe:
    worker = _start(_PROBE_SECONDS)
    try:
        answer, _ = worker.request("probe")
    except ChildFailedError as failure:
        return Probe(False, reason=f"no OpenCV: {failure.problem}", remedy=_INSTALL)
    finally:
        worker.close()
    version, where = answer["version"], answer["where"]
    if not answer["reads_caffe"]:
        reason = f"OpenCV {version} cannot read Caffe models: 4.13 and 4.14 do, 5 does not"
        return Probe(False, version, where, reason, _INSTALL)
    return Probe(True, version, where)
