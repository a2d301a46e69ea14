"""What shape rules share: the registry."""

from __future__ import annotations

from typing import Callable, Dict, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union

from netsurgery.layers import Shape, ShapeNode, with_twins

Limits = Tuple[int, Optional[int]]
ShapeRule = Callable[["ShapeNode"], Sequence[Optional[Shape]]]
ParameterRule = Callable[["ShapeNode"], Sequence[Shape]]
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


def _limits(number: Union[int, Limits]) -> Limits:
    return (number, number) if isinstance(number, int) else number
