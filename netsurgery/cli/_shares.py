"""How options take shares: ``0.9`` or ``90%``."""

from __future__ import annotations

from typing import Optional, Union

import click

from netsurgery.costs import parse_number, parse_share
from netsurgery.errors import PlanError


class ShareType(click.ParamType):
    """A share of one, as a float.

    Args:
        zero: Whether 0 is one.
    """

    name = "share"

    def __init__(self, zero: bool = True) -> None:
        self._zero = zero

    def convert(
        self,
        value: Union[str, float],
        param: Optional[click.Parameter],
        ctx: Optional[click.Context],
    ) -> float:
        """Read what the user wrote; click names the option where it is none."""
        if isinstance(value, float):
            return value
        try:
            share = parse_share(value)
        except PlanError as error:
            self.fail(str(error), param, ctx)
        if not share and not self._zero:
            self.fail(f"{value} leaves nothing; a share is above 0: 0.9, or 90%", param, ctx)
        return share


class RatioType(click.ParamType):
    """A number of at least 0 that is a part of something, but may be more than all of it."""

    name = "ratio"

    def convert(
        self,
        value: Union[str, float],
        param: Optional[click.Parameter],
        ctx: Optional[click.Context],
    ) -> float:
        """Read what the user wrote; click names the option where it is none."""
        number = value if isinstance(value, float) else parse_number(value)
        if number is None or number < 0:
            self.fail(f"{value!r} is not a number from 0 on: write 0.05 or 5%", param, ctx)
        return float(number)


SHARE = ShareType()
SHARE_ABOVE_ZERO = ShareType(zero=False)
RATIO = RatioType()
