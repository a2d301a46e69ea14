"""What every engine offers, and a model opened in one."""

from __future__ import annotations

import abc
import os
from pathlib import Path
from types import TracebackType
from typing import (
    Any,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

import numpy as np

from netsurgery.engine.process import Answer, ChildFailedError, Worker
from netsurgery.errors import EngineError
from netsurgery.network import Foreign, Network, foreign_to

Shape = Tuple[int, ...]
PathLike = Union[str, "os.PathLike[str]"]
SessionType = TypeVar("SessionType", bound="Session")


class Probe(NamedTuple):
    """Whether an engine can be used here.

    Attributes:
        usable: It starts.
        version: The version it gives itself, or "".
        where: The folder or interpreter it was found in, or "".
        reason: Why it is not usable, or "".
        remedy: What the user can do about that, or "".
    """

    usable: bool
    version: str = ""
    where: str = ""
    reason: str = ""
    remedy: str = ""


class Engine(abc.ABC):
    """Something that runs Caffe models, in a process of its own for each.

    Attributes:
        name: What users call it.
        preference: Where nobody names an engine, usable ones of a lower number come first.
        resumes: Whether its sessions, fed the same again, run only what comes behind a change.
    """

    name: str
    preference: int = 2
    resumes: bool = False

    @abc.abstractmethod
    def probe(self) -> Probe:
        """Say whether this engine can be used. The first call takes about a second."""

    @abc.abstractmethod
    def unsupported(self, types: Iterable[str]) -> List[str]:
        """Return those of ``types`` (layer types, V2 spelling) that this engine cannot run.

        Raises:
            EngineError: The engine has to be asked, and is not usable.
        """

    def unheeded(self, network: Network) -> Sequence[Foreign]:
        """Return the fields of a net that may change what it computes, and that this engine drops.

        An engine whose parser stops at what it does not know drops none.
        """
        return foreign_to(network)

    @abc.abstractmethod
    def open(
        self, prototxt: PathLike, weights: Optional[PathLike] = None, *, phase: str = "TEST"
    ) -> Session:
        """Load a model in a new child process.

        Args:
            prototxt: The net.
            weights: Its ``.caffemodel``; without one, layers keep what their fillers give.
            phase: ``"TEST"`` or ``"TRAIN"``.

        Raises:
            EngineError: The engine is not usable, or refuses the model; with its own words.
        """

    def reopen(
        self,
        session: Session,
        prototxt: PathLike,
        weights: Optional[PathLike] = None,
        *,
        phase: str = "TEST",
    ) -> Session:
        """Load a model in the place of another, whose session is over then.

        Engines that can do so keep the child process: to start one takes longer than to load a
        small net.

        Args:
            session: One that this engine has opened.
            prototxt: The net.
            weights: As in :meth:`open`.
            phase: As in :meth:`open`.

        Raises:
            EngineError: As :meth:`open`.
        """
        session.close()
        return self.open(prototxt, weights, phase=phase)


class Session:
    """A model that is open in a child process of an engine. Use it in a ``with``.

    After an EngineError from the engine itself the child is gone, and the session with it.

    Attributes:
        inputs: Input blobs and the shapes the prototxt gives them.
        outputs: Blobs that no layer consumes, in the engine's order.
        blobs: All blobs and their shapes for the inputs' shapes above.
    """

    inputs: Dict[str, Shape]
    outputs: Tuple[str, ...]
    blobs: Dict[str, Shape]

    def __init__(self, engine: str, worker: Worker, prototxt: PathLike) -> None:
        self._engine = engine
        self._worker: Optional[Worker] = worker
        self._file = os.fspath(prototxt)

    def forward(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        """Run the net.

        Args:
            inputs: An array for every input blob; the net is reshaped to their shapes.
            blobs: The blobs to return; none: the outputs. Where layers work in place, a blob
                holds what the last of them left.

        Returns:
            A float32 copy of each blob. NaN and infinity are passed on, not judged.

        Raises:
            EngineError: An input is missing, a name is unknown, or the engine gave up.
        """
        self._check_inputs(inputs)
        names = list(blobs or self.outputs)
        self._check_names(names)
        _, results = self._ask(
            "forward", as_float32(inputs.values()), inputs=list(inputs), blobs=names
        )
        return dict(zip(names, results))

    def time(self, repeats: int, inputs: Mapping[str, np.ndarray]) -> List[float]:
        """Return the seconds of ``repeats`` forward passes, after one that does not count.

        Filling the inputs and returning blobs is left out.

        Raises:
            EngineError: As :meth:`forward`.
        """
        self._check_inputs(inputs)
        answer, _ = self._ask(
            "time", as_float32(inputs.values()), inputs=list(inputs), repeats=repeats
        )
        return answer["seconds"]

    def parameters(self) -> Dict[str, List[np.ndarray]]:
        """Return the arrays of every layer that has some, as the engine holds them.

        Raises:
            EngineError: The engine gave up.
        """
        answer, arrays = self._ask("parameters")
        rest = iter(arrays)
        return {name: [next(rest) for _ in range(count)] for name, count in answer["layers"]}

    def hand_over(self) -> Worker:
        """Give the child process away to another session; this one is over.

        Raises:
            EngineError: It is over already.
        """
        worker, self._worker = self._running(), None
        return worker

    def close(self) -> None:
        """End the child process."""
        if self._worker is not None:
            self._worker.close()

    def __enter__(self: SessionType) -> SessionType:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _ask(self, command: str, arrays: Sequence[np.ndarray] = (), **arguments: Any) -> Answer:
        try:
            return self._running().request(command, arrays, **arguments)
        except ChildFailedError as failure:
            raise self._explain(failure) from None

    def _running(self) -> Worker:
        if self._worker is None:
            raise EngineError("another model took the place of this one", file=self._file)
        return self._worker

    def _explain(self, failure: ChildFailedError) -> EngineError:
        return EngineError(f"{self._engine} {failure.problem}", file=self._file)

    def _check_inputs(self, inputs: Mapping[str, np.ndarray]) -> None:
        if set(inputs) != set(self.inputs):
            raise EngineError(
                f"the net's inputs are {sorted(self.inputs)}, not {sorted(inputs)}",
                file=self._file,
                remedy="give one array for each",
            )

    def _check_names(self, names: Iterable[str]) -> None:
        unknown = [name for name in names if name not in self.blobs]
        if unknown:
            raise EngineError(f"the net has no blob {unknown[0]!r}", file=self._file)


def check_files(*paths: Optional[PathLike]) -> None:
    """See that all ``paths`` (None is passed over) are files.

    Raises:
        EngineError: One is not.
    """
    for path in paths:
        if path is not None and not Path(path).is_file():
            raise EngineError("no such file", file=path)


def as_float32(arrays: Iterable[np.ndarray]) -> List[np.ndarray]:
    """Return the arrays as an engine takes them: float32, contiguous."""
    return [np.ascontiguousarray(array, dtype=np.float32) for array in arrays]
