"""A model that is open in an engine: what can be asked of it."""

from __future__ import annotations

import abc
import os
from math import prod
from typing import (
    Any,
    ClassVar,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    NoReturn,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from netsurgery.engine.capabilities import Capability
from netsurgery.engine.closing import Closing
from netsurgery.engine.process import Worker
from netsurgery.engine.worker_client import WorkerClient
from netsurgery.engine.workers.channel import gathered
from netsurgery.errors import EngineError
from netsurgery.formats import Blob

Shape = Tuple[int, ...]
PathLike = Union[str, os.PathLike[str]]
Wanted = Tuple[str, Optional[np.ndarray]]
"""A blob, and the positions at which it is looked at; None: at all."""
Parameter = Union[np.ndarray, Blob]
"""What a layer's array is overwritten with."""
Removed = Mapping[Tuple[str, int], np.ndarray]
"""Weights: flat indices, int64, by (layer, index of its array)."""
_AT_ONCE = 16 << 20


class ParameterPart(NamedTuple):
    """Some of the numbers of a layer's array.

    Attributes:
        layer: The layer.
        number: That of the array in the layer.
        place: That of the first of them in the flat array.
        values: The numbers, float32, flat.
    """

    layer: str
    number: int
    place: int
    values: np.ndarray


class Session(Closing):
    """A model that is open in an engine. Use it in a ``with``.

    An engine makes a subclass with the methods of what it can do, see `Capability`; the others
    refuse. Whoever needs one of these asks `netsurgery.engine.choose` for an engine that has it.

    Attributes:
        engine: What messages call the engine.
        inputs: Input blobs and the shapes the prototxt gives them.
        outputs: Blobs that no layer consumes, in the engine's order.
        blobs: All blobs and their shapes for the inputs' shapes above.
        batch: How many times as large the inputs were that it was fed the last time.
    """

    engine: ClassVar[str] = "this engine"
    inputs: Dict[str, Shape]
    outputs: Tuple[str, ...]
    blobs: Dict[str, Shape]
    batch: float = 1.0

    @abc.abstractmethod
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

    def gather(
        self, inputs: Mapping[str, np.ndarray], wanted: Sequence[Wanted]
    ) -> List[np.ndarray]:
        """Run the net, and return of blobs only what is looked at.

        An engine that runs in another process does well to cut there: less goes through the pipe.

        Args:
            inputs: As in :meth:`forward`.
            wanted: Names of blobs, each with the positions wanted: numbers in the axes behind the
                second, counted along rows, int32; None for the whole blob.

        Returns:
            float32 for each: of the blob's shape, or (N, C, positions).

        Raises:
            EngineError: As :meth:`forward`.
        """
        blobs = self.forward(inputs, list(dict.fromkeys(name for name, _ in wanted)))
        return [blobs[name] if at is None else gathered(blobs[name], at) for name, at in wanted]

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
            EngineError: A name or a shape is wrong, or the engine did not compute a gradient.
        """
        self._cannot(Capability.GRADIENTS)

    def parameters(self) -> Dict[str, List[np.ndarray]]:
        """Return the arrays of every layer that has some, as the engine holds them.

        Raises:
            EngineError: The engine gave up.
        """
        self._cannot(Capability.READ_PARAMETERS)

    @property
    def parameter_shapes(self) -> Mapping[str, List[Shape]]:
        """The shapes of the arrays of every layer that has some.

        Raises:
            EngineError: The engine cannot set any.
        """
        self._cannot(Capability.SET_PARAMETERS)

    def set_parameters(self, parameters: Mapping[str, Sequence[Parameter]]) -> None:
        """Overwrite layers' arrays, all those of each layer named.

        Args:
            parameters: Arrays or blobs for each layer. Blobs are read, and sent, a few megabytes
                at a time, so that nobody holds a second copy of a large one.

        Raises:
            EngineError: A layer is not in the net, or an array has another shape than its blob.
        """
        self._cannot(Capability.SET_PARAMETERS)

    def forward_without(
        self, start: str, removed: Sequence[Removed], blobs: Sequence[str]
    ) -> Dict[str, np.ndarray]:
        """Run the end of the net again and again, each time with zeros for other weights.

        What comes before ``start`` is taken as the last forward pass left it; afterwards the
        weights are as before, and so are all blobs that layers before ``start`` make.

        Args:
            start: The layer to start from: the first whose weights are changed, or an earlier one.
            removed: For each run the weights that are zero in it.
            blobs: The blobs to return.

        Returns:
            A float32 copy of each blob, with the runs along a new axis 0.

        Raises:
            EngineError: A name is unknown, or the engine gave up.
        """
        self._cannot(Capability.ABLATE)

    def save(self, path: PathLike) -> None:
        """Write the weights with the engine's own writer, as HDF5 where ``path`` ends in ``.h5``.

        The file appears complete or not at all.

        Raises:
            EngineError: The engine gave up, as Caffe on a layer name with "/" in HDF5.
        """
        self._cannot(Capability.WRITE_WEIGHTS)

    def time(self, repeats: int, inputs: Mapping[str, np.ndarray]) -> List[float]:
        """Return the seconds of ``repeats`` forward passes, after one that does not count.

        Filling the inputs and returning blobs is left out.

        Raises:
            EngineError: As :meth:`forward`.
        """
        self._cannot(Capability.TIME)

    @abc.abstractmethod
    def close(self) -> None:
        """Give up what the model holds; a second time does nothing."""

    def _cannot(self, what: Capability) -> NoReturn:
        raise EngineError(f"{self.engine} cannot do this: {what}")


class WorkerSession(WorkerClient, Session):
    """A model that is open in a child process, which runs a script of ``engine/workers``."""

    def __init__(self, worker: Worker, prototxt: PathLike) -> None:
        """Take over a child process; the subclass asks it to open the net."""
        super().__init__(worker, prototxt)
        self._fed: Dict[str, np.ndarray] = {}

    def forward(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        """Run the net; see :meth:`Session.forward`."""
        names = list(blobs or self.outputs)
        return dict(zip(names, self.gather(inputs, [(name, None) for name in names])))

    def gather(
        self, inputs: Mapping[str, np.ndarray], wanted: Sequence[Wanted]
    ) -> List[np.ndarray]:
        """Run the net and cut blobs in the child process; see :meth:`Session.gather`."""
        names = [name for name, _ in wanted]
        self._check_names(names)
        return self._run(inputs, wanted, blobs=names)

    def time(self, repeats: int, inputs: Mapping[str, np.ndarray]) -> List[float]:
        """Time forward passes; see :meth:`Session.time`."""
        self._check_inputs(inputs)
        self._fed = {}
        answer, _ = self._ask(
            "time", as_float32(inputs.values()), inputs=list(inputs), repeats=repeats
        )
        return answer["seconds"]

    def parameters(self) -> Dict[str, List[np.ndarray]]:
        """Return the arrays of layers; see :meth:`Session.parameters`."""
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

    def _run(
        self, inputs: Mapping[str, np.ndarray], wanted: Sequence[Wanted], **arguments: Any
    ) -> List[np.ndarray]:
        """Ask for blobs; inputs that are known to be the same as the last time are not sent."""
        self._check_inputs(inputs)
        sent = {} if self._is_fed(inputs) else dict(inputs)
        names = list(sent) if sent or not inputs else None
        _, results = self._ask(
            "forward",
            [*as_float32(sent.values()), *(at for _, at in wanted if at is not None)],
            inputs=names,
            is_cut=[at is not None for _, at in wanted],
            **arguments,
        )
        self._fed = dict(inputs)
        declared = {name: prod(shape) for name, shape in self.inputs.items()}
        self.batch = max(
            (array.size / max(declared[name], 1) for name, array in inputs.items()), default=1.0
        )
        return results

    def _is_fed(self, inputs: Mapping[str, np.ndarray]) -> bool:
        """Whether these very arrays were fed the last time, and nobody can have changed them."""
        return bool(inputs) and all(
            self._fed.get(name) is array and not array.flags.writeable
            for name, array in inputs.items()
        )

    def _cannot(self, what: Capability) -> NoReturn:
        raise EngineError(f"{self.engine} cannot do this: {what}", file=self._file)

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


def require_parameters(
    shapes: Mapping[str, Sequence[Shape]],
    parameters: Mapping[str, Sequence[Parameter]],
    file: Optional[str] = None,
) -> None:
    """See that arrays fit the layers that they are for.

    Raises:
        EngineError: A layer is not there, or an array has another shape than its blob.
    """
    for name, arrays in parameters.items():
        if name not in shapes:
            raise EngineError("no layer with parameters", file=file, layer=name)
        given = [tuple(array.shape) for array in arrays]
        if given != list(shapes[name]):
            problem = f"its blobs have the shapes {list(shapes[name])}, not {given}"
            raise EngineError(problem, file=file, layer=name)


def parts_of(parameters: Mapping[str, Sequence[Parameter]]) -> Iterator[List[ParameterPart]]:
    """Yield arrays and blobs in parts, as an engine takes them, some megabytes at a time."""
    waiting: List[ParameterPart] = []
    for name, values in parameters.items():
        for number, value in enumerate(values):
            start = 0
            for block in value.blocks() if isinstance(value, Blob) else [np.ravel(value)]:
                (array,) = as_float32([block])
                waiting.append(ParameterPart(name, number, start, array))
                start += array.size
                if sum(part.values.nbytes for part in waiting) >= _AT_ONCE:
                    yield waiting
                    waiting = []
    if waiting:
        yield waiting


def as_float32(arrays: Iterable[np.ndarray]) -> List[np.ndarray]:
    """Return the arrays as an engine takes them: float32, contiguous."""
    return [np.ascontiguousarray(array, dtype=np.float32) for array in arrays]
