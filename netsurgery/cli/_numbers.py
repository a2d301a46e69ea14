"""The numbers that options take; what is out of range is refused before any work."""

from __future__ import annotations

import math
from typing import Callable, Optional, Tuple, Type, TypeVar, Union

import click

Number = TypeVar("Number", int, float)
ReadNumbers = Callable[
    [click.Context, click.Parameter, Optional[str]], Optional[Tuple[Number, ...]]
]

COUNT = click.IntRange(1, 10**9)
SEED = click.IntRange(0, 2**63 - 1)


class FiniteType(click.ParamType):
    """A number that is neither NaN nor infinite.

    Args:
        lowest: The least it may be; none: any.
    """

    name = "number"

    def __init__(self, lowest: Optional[float] = None) -> None:
        self._lowest = lowest

    def convert(
        self,
        value: Union[str, float],
        param: Optional[click.Parameter],
        ctx: Optional[click.Context],
    ) -> float:
        """Read what the user wrote; click names the option where it is none."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or (self._lowest is not None and number < self._lowest):
            least = "" if self._lowest is None else f" from {self._lowest:g} on"
            self.fail(f"{value!r} is not a number{least}", param, ctx)
        return number


FINITE = FiniteType()
FROM_ZERO = FiniteType(0)


def numbers(kind: Type[Number], least: Optional[int] = None) -> ReadNumbers[Number]:
    """Return a click callback that reads ``1,2,3`` as numbers of that kind.

    Args:
        kind: ``int`` or ``float``.
        least: The least that each may be.
    """

    def read(
        ctx: click.Context, parameter: click.Parameter, text: Optional[str]
    ) -> Optional[Tuple[Number, ...]]:
        if text is None:
            return None
        try:
            found = tuple(kind(part) for part in text.split(","))
        except ValueError:
            raise click.BadParameter(f"{text!r} is not numbers separated by commas") from None
        if not all(map(math.isfinite, found)) or (least is not None and min(found) < least):
            raise click.BadParameter(f"{text!r} holds a number that cannot be")
        return found

    return read
