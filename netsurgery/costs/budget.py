"""What may be left of a net: one budget for whatever makes it smaller."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Dict, Mapping, Optional

from netsurgery.costs.shares import how_to_say, parse_number, parse_share
from netsurgery.errors import PlanError, Remedy
from netsurgery.validation import require_fields

MACS, PARAMS, BYTES, LATENCY = "macs", "params", "bytes", "latency"
CURRENCIES = (MACS, PARAMS, BYTES, LATENCY)

Cost = Dict[str, float]
"""What something costs, by currency: counts, bytes, seconds."""


@dataclass(frozen=True)
class Budget:
    """What may be left of a net.

    Attributes:
        macs: Share of its multiply-accumulates.
        params: Share of its parameters.
        bytes: Size of the weights file, or its share if at most 1.
        latency: Share of its time, as measured on an engine.

    Raises:
        RequestError: One is no number.
        PlanError: A share is not between 0 and 1, or there is none.
    """

    macs: Optional[float] = None
    params: Optional[float] = None
    bytes: Optional[float] = None
    latency: Optional[float] = None

    def __post_init__(self) -> None:
        require_fields(self)
        shares = {name: value for name, value in self.given.items() if name != BYTES}
        if not self.given:
            raise PlanError(
                "there is no budget", remedy=Remedy("give {}, {}, {} or {}", *CURRENCIES)
            )
        for name, share in shares.items():
            if not 0 < share <= 1:
                problem = f"{name} {share:g} is no share"
                raise PlanError(problem, remedy=how_to_say(share))
        if self.bytes is not None and not 0 < self.bytes < math.inf:
            raise PlanError(f"bytes {self.bytes:g} is no size")

    @property
    def given(self) -> Cost:
        """The budgets that there are, by currency."""
        own = {MACS: self.macs, PARAMS: self.params, BYTES: self.bytes, LATENCY: self.latency}
        return {name: value for name, value in own.items() if value is not None}

    def limits(self, total: Mapping[str, float]) -> Cost:
        """Return what may be spent, given what the net costs now."""
        return {
            name: value if name == BYTES and value > 1 else value * total[name]
            for name, value in self.given.items()
        }


def parse_bytes(text: str) -> float:
    """Read a size: ``20MB``, ``600kB``, ``12345``, or a share of the file: ``0.5`` or ``50%``.

    Raises:
        PlanError: It is no size.
    """
    if text.strip().endswith("%"):
        share = parse_share(text, "a share of a file")
        if share:
            return share
    plain = parse_number(text)
    if plain is not None and plain > 1 and plain % 1:
        raise PlanError(f"{text} bytes is no size of a file", remedy=how_to_say(plain))
    found = re.fullmatch(r"([0-9.]+)\s*([kmg]?i?b?)", text.strip().lower())
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        number = 0.0
    if found is None or number <= 0 or found[2] in ("i", "ib"):
        remedy = "write 20MB, 600kB, or a share: 0.5 or 50%"
        raise PlanError(f"{text!r} is no size of a file", remedy=remedy)
    base = 1024 if "i" in found[2] else 1000
    power = " kmg".index(found[2][0]) if found[2].strip("ib") else 0
    return number * base**power
