"""What shape rules share: the registry, and the node a rule is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from netsurgery.errors import NetworkError
from netsurgery.network.twins import with_twins

if TYPE_CHECKING:
    from netsurgery.formats import Weights
    from netsurgery.network.graph import Layer, Network

Shape = Tuple[int, ...]
Limits = Tuple[int, Optional[int]]
ShapeRule = Callable[["Node"], Sequence[Optional[Shape]]]
ParameterRule = Callable[["Node"], Sequence[Shape]]
AnyShapeRule = TypeVar("AnyShapeRule", bound=ShapeRule)
AnyParameterRule = TypeVar("AnyParameterRule", bound=ParameterRule)


class Rule(NamedTuple):
    """How one layer type shapes its tops.

    Attributes:
        shape: Answers the shapes of the tops, in order.
        bottoms: Fewest and most bottoms that Caffe takes (None: no limit).
        tops: Fewest and most tops.
        partial: Whether the rule can be asked while some bottoms are unknown.
        in_place: Whether Caffe lets a top be its bottom.
    """

    shape: ShapeRule
    bottoms: Limits
    tops: Limits
    partial: bool
    in_place: bool


RULES: Dict[str, Rule] = {}
PARAMETERS: Dict[str, ParameterRule] = {}


@dataclass(frozen=True)
class Node:
    """A layer with the shapes of its bottoms.

    Attributes:
        layer: The layer.
        bottoms: One shape a bottom; None only where the rule says ``partial``.
        network: The network around it, for the few rules that look further.
        weights: Trained weights, for the few rules that can learn from them.
    """

    layer: Layer
    bottoms: Tuple[Optional[Shape], ...]
    network: Optional[Network] = None
    weights: Optional[Weights] = None

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
        file = self.network.prototxt.file if self.network else None
        return NetworkError(
            problem,
            file=file,
            line=text.line,
            column=text.column,
            layer=self.layer.name,
            remedy=remedy,
        )


def rule(
    *types: str,
    bottoms: Union[int, Limits] = 1,
    tops: Union[int, Limits] = 1,
    partial: bool = False,
    in_place: bool = True,
) -> Callable[[AnyShapeRule], AnyShapeRule]:
    """Register the decorated function as the shape rule of ``types`` and of their twins."""

    def register(function: AnyShapeRule) -> AnyShapeRule:
        entry = Rule(function, _limits(bottoms), _limits(tops), partial, in_place)
        RULES.update(dict.fromkeys(with_twins(types), entry))
        return function

    return register


def parameters(*types: str) -> Callable[[AnyParameterRule], AnyParameterRule]:
    """Register the decorated function: it knows the blobs of ``types`` and of their twins."""

    def register(function: AnyParameterRule) -> AnyParameterRule:
        PARAMETERS.update(dict.fromkeys(with_twins(types), function))
        return function

    return register


def show(shape: Optional[Sequence[int]]) -> str:
    """A shape as people write it: ``1x3x224x224``; ``scalar`` without axes; ``?`` unknown."""
    if shape is None:
        return "?"
    return "x".join(map(str, shape)) or "scalar"


def count(shape: Sequence[int]) -> int:
    """Number of elements."""
    return prod(shape)


def _limits(number: Union[int, Limits]) -> Limits:
    return (number, number) if isinstance(number, int) else number
