"""A net with losses at its end that is open in an engine, and the solver that trains it."""

from __future__ import annotations

import abc
import enum
from pathlib import Path
from typing import (
    ClassVar,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

from netsurgery.engine.closing import Closing
from netsurgery.engine.session import Shape
from netsurgery.errors import EngineError
from netsurgery.formats import SolverText
from netsurgery.network import Masks

Batch = Mapping[str, np.ndarray]
"""What is fed for one forward pass: float32 for each input blob of the train net, in its shape."""


class MaskMode(enum.Enum):
    """What masks do to the weights that they close."""

    HELD = "held"
    """They are 0 and stay 0, and so does all that the solver remembers of them."""
    DYNAMIC = "dynamic"
    """Nets run with W * T, the weights where the masks are open, and the gradient found there
    moves all of W, so that what is closed may come back (dynamic surgery, Guo et al. 2016)."""


class StepLosses(NamedTuple):
    """What came of some iterations.

    Attributes:
        losses: The weighted sum of all losses, the mean over an iteration's batches; float64,
            shape (iterations,).
        blobs: The same of each loss blob without its weight, and of each blob that is watched.
        rates: The learning rate of each iteration; NaN where the engine does not tell it.
    """

    losses: np.ndarray
    blobs: Dict[str, np.ndarray]
    rates: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[StepLosses]) -> StepLosses:
        """Put together what came of iterations that followed each other; at least one part."""
        return cls(
            np.concatenate([part.losses for part in parts]),
            {name: np.concatenate([part.blobs[name] for part in parts]) for name in parts[0].blobs},
            np.concatenate([part.rates for part in parts]),
        )


class TrainingFiles(NamedTuple):
    """What `Engine.open_training` is given: files that stay as long as the session is open.

    Attributes:
        train: Prototxt of the net that is trained, with Input layers for all that is fed to it.
        solver: How it is trained. What it says of nets, tests, snapshots and seeds does not count.
        test: Prototxt of the net whose outputs are looked at, or None.
        weights: A caffemodel in float32 that fits both, layer by layer; layers of the train net
            that it lacks keep what their fillers give.
        scratch: A folder for the engine's own files.
    """

    train: Path
    solver: SolverText
    test: Optional[Path]
    weights: Path
    scratch: Path


class TrainingSession(Closing):
    """A net that an engine trains, by Caffe's rules of a solver. Use it in a ``with``.

    The same batches under the same seed give the same weights, and so they do when a session that
    has restored a state goes on from there. Batches are not its business: who feeds it knows which
    comes next.

    Attributes:
        engine: What messages call the engine.
        inputs: Blobs that are fed for each forward pass of the train net, and their shapes.
        outputs: The outputs of the test net; none where there is no such net.
        iterations: How many have been done, those before the restored state too.
        iter_size: Batches of one iteration, whose gradients count together.
        parameter_shapes: The shapes of the blobs of each layer of the train net that has some of
            its own. Layers that only borrow them from others are left out.
        masks: What the last `set_masks` was given; none at first, and after `restore_state`.
        mask_mode: How these are kept to.
        threads: With how many threads it adds up; another number gives other last bits.
        notes: What does not hold of this engine or this net, in words.
    """

    engine: ClassVar[str] = "this engine"
    inputs: Dict[str, Shape]
    outputs: Tuple[str, ...]
    iterations: int
    iter_size: int
    parameter_shapes: Mapping[str, List[Shape]]
    masks: Masks
    mask_mode: MaskMode
    threads: int = 1
    notes: Tuple[str, ...] = ()

    @abc.abstractmethod
    def step(self, batches: Sequence[Batch]) -> StepLosses:
        """Do iterations on these batches, `iter_size` of them each.

        Args:
            batches: May make each batch when it is asked for. Each is asked for once, in order,
                and perhaps in another thread, as the next are made while the engine works.

        Raises:
            EngineError: A batch does not fit the net's inputs, the number of batches is none of
                whole iterations, the net is fed nothing, or the engine gave up.
        """

    @abc.abstractmethod
    def step_own(self, iterations: int) -> StepLosses:
        """Do iterations on what the train net's own data layers read.

        Where those stand is no part of a state.

        Raises:
            EngineError: The net has inputs to be fed, there is nothing to do, or the engine gave
                up.
        """

    @abc.abstractmethod
    def parameters(
        self, layers: Optional[Iterable[str]] = None, hidden: bool = False
    ) -> Dict[str, List[np.ndarray]]:
        """Return the arrays of layers as the net runs with them.

        Args:
            layers: Whose; None: of all in `parameter_shapes`.
            hidden: With `MaskMode.DYNAMIC`: also what stands under closed places.

        Raises:
            EngineError: A layer is not in the net.
        """

    @abc.abstractmethod
    def set_parameters(self, parameters: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Overwrite layers' arrays, all those of each layer named.

        What held masks close stays 0. What the solver remembers of earlier steps stays as it is.

        Raises:
            EngineError: A layer is not in the net, or an array has another shape than its blob.
        """

    @abc.abstractmethod
    def set_masks(self, masks: Masks, mode: MaskMode = MaskMode.HELD) -> None:
        """Set masks in the place of all those before.

        What is held from now on becomes 0, and all that the solver remembers of it. What opens that
        was held starts from there; the rest goes on as if nothing had been done.

        Args:
            masks: By layer that owns the blob, and its index; True where a weight is free.
            mode: How they are kept to.

        Raises:
            EngineError: There is no such blob, or a mask has another shape.
        """

    @abc.abstractmethod
    def set_rate(self, base: float) -> None:
        """Set the solver's ``base_lr``, from the next iteration on.

        Raises:
            EngineError: The engine cannot change it on the way.
        """

    @abc.abstractmethod
    def evaluate(
        self, inputs: Mapping[str, np.ndarray], blobs: Sequence[str] = ()
    ) -> Dict[str, np.ndarray]:
        """Run the test net with the weights as they are. No training notices it.

        Args:
            inputs: An array for each of its input blobs; it is reshaped to them.
            blobs: The blobs to return; none: the outputs.

        Returns:
            A float32 copy of each blob.

        Raises:
            EngineError: There is no test net, an input is missing or a name unknown.
        """

    @abc.abstractmethod
    def save_state(self, folder: Path) -> None:
        """Write all that the next iteration depends on, but batches and masks.

        What recurrent layers carry from one pass to the next is no part of it.

        Args:
            folder: Made where it is not there. It can be moved afterwards.

        Raises:
            EngineError: The engine gave up.
        """

    @abc.abstractmethod
    def restore_state(self, folder: Path) -> None:
        """Go back to a state: weights, what the solver remembers, iterations and rate, bit for bit.

        Masks are none then: set those again that were set when it was saved.

        Raises:
            EngineError: There is no state, or it is that of another net or solver.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Give up what the session holds; a second time does nothing."""


def require_batches(session: TrainingSession, count: int, file: Optional[str] = None) -> None:
    """See that a session is fed, and that so many batches make whole iterations.

    Raises:
        EngineError: They do not.
    """
    if not session.inputs:
        raise EngineError("the net reads its own data, and is fed no batches", file=file)
    if not count:
        raise EngineError("no batches to do iterations on", file=file)
    if count % session.iter_size:
        raise EngineError(
            f"{count} batches make no whole iterations of iter_size {session.iter_size}", file=file
        )


def fitting(session: TrainingSession, batch: Batch, file: Optional[str] = None) -> List[np.ndarray]:
    """Return the arrays of a batch in the order of the inputs: float32, contiguous.

    Raises:
        EngineError: One is missing or too many, or has another shape than its input.
    """
    if set(batch) != set(session.inputs):
        raise EngineError(
            f"the train net is fed {sorted(session.inputs)}, not {sorted(batch)}", file=file
        )
    for name, shape in session.inputs.items():
        if tuple(batch[name].shape) != shape:
            raise EngineError(
                f"its input {name!r} has the shape {shape}, not {tuple(batch[name].shape)}",
                file=file,
            )
    return [np.ascontiguousarray(batch[name], np.float32) for name in session.inputs]


def require_masks(
    shapes: Mapping[str, Sequence[Shape]], masks: Masks, file: Optional[str] = None
) -> None:
    """See that masks belong to blobs of these shapes.

    Ones in front count for nothing: old files hold the matrix of an InnerProduct as (1, 1, N, K).

    Raises:
        EngineError: One does not.
    """
    for (layer, index), mask in masks.items():
        own = shapes.get(layer, ())
        if not 0 <= index < len(own):
            raise EngineError(f"no blob {index} that a mask could hold", file=file, layer=layer)
        if _without_ones(mask.shape) != _without_ones(own[index]):
            raise EngineError(
                f"a mask of its blob {index} has the shape {own[index]}, not {tuple(mask.shape)}",
                file=file,
                layer=layer,
            )


def _without_ones(shape: Shape) -> Shape:
    """A shape from its first axis on that is longer than one."""
    first = next((axis for axis, size in enumerate(shape) if size != 1), len(shape))
    return tuple(shape[first:])
