"""What a layer type is asked about: a layer with what is known of the values around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Weights
from netsurgery.layers.labels import placed, spread, varying
from netsurgery.layers.shape import Shape, show

if TYPE_CHECKING:
    from netsurgery.layers.layer import Layer, Value
    from netsurgery.layers.ties import Ties

MAKES, CARRIES, READS = "makes", "carries", "reads"


def _nobody(value: Value) -> Sequence[Layer]:
    return ()


@dataclass(frozen=True)
class ShapeNode:
    """A layer with the shapes of its bottoms.

    Attributes:
        layer: The layer.
        bottoms: One shape a bottom; None only where the type says ``partial``.
        file: The prototxt, for errors to name.
        weights: Trained weights, for the few types that `learns_shapes` is true of.
        consumers: Answers which layers read a value, for the same types; nobody for all others.
    """

    layer: Layer
    bottoms: Tuple[Optional[Shape], ...]
    file: Optional[str] = None
    weights: Optional[Weights] = None
    consumers: Callable[[Value], Sequence[Layer]] = _nobody

    @property
    def parameter(self) -> Any:
        """The ``LayerParameter`` message."""
        return self.layer.parameter

    @property
    def bottom(self) -> Shape:
        """Shape of the first bottom."""
        shape = self._shape(0)
        assert shape is not None
        return shape

    def _shape(self, bottom: int) -> Optional[Shape]:
        self.check(
            bottom < len(self.bottoms), f"has {len(self.bottoms)} bottoms, not {bottom + 1} or more"
        )
        return self.bottoms[bottom]

    @property
    def tops(self) -> int:
        """Number of tops."""
        return len(self.layer.tops)

    def axis(self, axis: int, bottom: int = 0) -> int:
        """Caffe's ``CanonicalAxisIndex``: the axis counted from the front.

        Raises:
            NetworkError: The bottom has no such axis.
        """
        shape = self._shape(bottom) or ()
        self.check(
            -len(shape) <= axis < len(shape),
            f"has axis {axis}, but bottom {self.layer.bottoms[bottom]} has {len(shape)} axes",
        )
        return axis % len(shape)

    def four(self, bottom: int = 0) -> Shape:
        """The bottom's (num, channels, height, width), absent axes being 1.

        Raises:
            NetworkError: It has more than four axes.
        """
        shape = self._shape(bottom) or ()
        self.check(len(shape) <= 4, f"takes at most 4 axes, but its bottom is {show(shape)}")
        return shape + (1,) * (4 - len(shape))

    def check(self, condition: object, problem: str, remedy: Optional[str] = None) -> None:
        """Raise a `NetworkError` about this layer unless ``condition`` holds."""
        if not condition:
            raise self.error(problem, remedy)

    def error(self, problem: str, remedy: Optional[str] = None) -> NetworkError:
        """A `NetworkError` that names this layer and its place in the prototxt."""
        text = self.layer.text
        return NetworkError(
            problem,
            file=self.file,
            line=text.line,
            column=text.column,
            layer=self.layer.name,
            remedy=remedy,
        )


class Use(NamedTuple):
    """An axis of a blob whose entries belong to channels.

    Attributes:
        layer: The layer that has the blob.
        blob: Index of the blob.
        axis: The axis, of ``axes`` (a legacy blob may have more, of size 1, before them).
        axes: Number of axes of the blob.
        role: ``"makes"``, ``"carries"`` (one number a channel) or ``"reads"``.
        labels: One label for every entry; or a matrix with a row for each of the equal runs
            into which the groups of a convolution divide axis 0.
    """

    layer: Layer
    blob: int
    axis: int
    axes: int
    role: str
    labels: np.ndarray


class KeptAxis(NamedTuple):
    """What stays of a value.

    Attributes:
        axis: The axis that carries channels.
        axes: Number of axes of the value.
        mask: For every entry along it, whether it stays.
    """

    axis: int
    axes: int
    mask: np.ndarray

    @property
    def size(self) -> int:
        """How many entries stay."""
        return int(self.mask.sum())


@dataclass(frozen=True)
class ChannelNode:
    """A layer with the labels and shapes of its bottoms, all of them known.

    Attributes:
        layer: The layer.
        bottoms: Labels of each bottom, which broadcast to its shape.
        shapes: Shapes of the bottoms.
        tops: Shapes of the tops.
        ties: Where a layer type writes what it finds out.
        uses: Where it writes which blobs belong to channels.
        weights: Trained weights, for types whose blobs differ between forks: their shapes tell.
    """

    layer: Layer
    bottoms: Tuple[np.ndarray, ...]
    shapes: Tuple[Shape, ...]
    tops: Tuple[Shape, ...]
    ties: Ties
    uses: List[Use]
    weights: Optional[Weights] = None

    @property
    def parameter(self) -> Any:
        """The ``LayerParameter`` message."""
        return self.layer.parameter

    def axis(self, axis: int, bottom: int = 0) -> int:
        """The axis counted from the front."""
        return axis % len(self.shapes[bottom])

    def along(self, axis: int, bottom: int = 0) -> np.ndarray:
        """One label for every entry of a bottom along ``axis``; what differs elsewhere stays."""
        labels = self.bottoms[bottom]
        if any(other != axis for other in varying(labels)):
            text = f"{self} works across an axis that is not its channels'"
            self.ties.pin(labels, text)
            self.ties.tie(labels, labels.ravel()[0])
            labels = labels.ravel()[:1].reshape((1,) * labels.ndim)
        return spread(labels, self.shapes[bottom], [axis]).ravel()

    def make(self, count: int) -> np.ndarray:
        """Fresh labels for ``count`` channels that this layer makes."""
        return self.ties.make(self.layer.name, count)

    def placed(self, labels: np.ndarray, axis: int) -> np.ndarray:
        """One-dimensional labels along an axis of the first top."""
        return placed(labels, axis, len(self.tops[0]))

    def use(
        self, blob: int, labels: np.ndarray, *, axis: int = 0, axes: int = 1, role: str = CARRIES
    ) -> None:
        """Write down that a blob's axis belongs to channels."""
        self.uses.append(Use(self.layer, blob, axis, axes, role, labels))

    def fixed(self) -> List[np.ndarray]:
        """Labels for tops that are no channels."""
        label = self.ties.fixed(f"{self} makes them")
        return [np.full((1,) * len(shape), label) for shape in self.tops]

    def barrier(self, reason: str) -> List[np.ndarray]:
        """Keep all bottoms whole, and make tops of which all stays."""
        for labels in self.bottoms:
            self.ties.pin(labels, f"{self} {reason}")
        return self.fixed()

    def __str__(self) -> str:
        return f"{self.layer.name} ({self.layer.type})"


@dataclass(frozen=True)
class ConstantNode:
    """A layer with what its bottoms hold.

    Attributes:
        layer: The layer.
        bottoms: What each bottom holds, float32, which broadcasts to its shape; NaN stands for
            numbers that depend on the input.
        shapes: Shapes of the bottoms.
        tops: Shapes of the tops.
        blobs: The layer's blobs in Caffe's shapes; () where they are not known.
        linear: What it multiplies by, if it does and that is known.
    """

    layer: Layer
    bottoms: Tuple[np.ndarray, ...]
    shapes: Tuple[Shape, ...]
    tops: Tuple[Shape, ...]
    blobs: Sequence[np.ndarray]
    linear: Optional[Any]

    @property
    def parameter(self) -> Any:
        """The ``LayerParameter`` message."""
        return self.layer.parameter

    def axis(self, axis: int) -> int:
        """The axis of the first bottom counted from the front."""
        return axis % len(self.shapes[0])

    def placed(self, blob: np.ndarray, axis: int) -> np.ndarray:
        """A blob whose axes are those of the first bottom from ``axis`` on."""
        rest = len(self.shapes[0]) - axis - blob.ndim
        return blob.reshape((1,) * axis + blob.shape + (1,) * rest)

    def unknown(self) -> Sequence[np.ndarray]:
        """Tops of which nothing is known."""
        return [nothing(shape) for shape in self.tops]


def nothing(shape: Shape) -> np.ndarray:
    """An array that says nothing of a value of that shape."""
    return np.full((1,) * len(shape), np.nan, np.float32)
