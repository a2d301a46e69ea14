"""What channel rules share: the registry, and the node a rule is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

import numpy as np

from netsurgery.network.channels.axes import placed, spread, varying
from netsurgery.network.channels.ties import Ties
from netsurgery.network.graph import Layer, Value
from netsurgery.network.shapes import Shape
from netsurgery.network.twins import with_twins

if TYPE_CHECKING:
    from netsurgery.formats import Weights

MAKES, CARRIES, READS = "makes", "carries", "reads"


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


Kept = Mapping[Value, KeptAxis]
Fields = Dict[str, Any]


@dataclass(frozen=True)
class Node:
    """A layer with the labels and shapes of its bottoms, all of them known.

    Attributes:
        layer: The layer.
        bottoms: Labels of each bottom, which broadcast to its shape.
        shapes: Shapes of the bottoms.
        tops: Shapes of the tops.
        ties: Where a rule writes what it finds out.
        uses: Where a rule writes which blobs belong to channels.
        weights: Trained weights, for types whose blobs differ between forks.
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


ChannelRule = Callable[[Node], Sequence[np.ndarray]]
EditRule = Callable[[Layer, Kept], Fields]
AnyChannelRule = TypeVar("AnyChannelRule", bound=ChannelRule)
AnyEditRule = TypeVar("AnyEditRule", bound=EditRule)

RULES: Dict[str, ChannelRule] = {}
EDITS: Dict[str, EditRule] = {}


def rule(*types: str) -> Callable[[AnyChannelRule], AnyChannelRule]:
    """Register the decorated function: it answers the labels of the tops of these types."""

    def register(function: AnyChannelRule) -> AnyChannelRule:
        RULES.update(dict.fromkeys(with_twins(types), function))
        return function

    return register


def edit(*types: str) -> Callable[[AnyEditRule], AnyEditRule]:
    """Register the decorated function: it answers the fields that change with the channels."""

    def register(function: AnyEditRule) -> AnyEditRule:
        EDITS.update(dict.fromkeys(with_twins(types), function))
        return function

    return register
