"""What a manifest may ask of a model: the fields of the requests of jobs, as plain data."""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import Any, Dict, Mapping, Tuple

from netsurgery.costs import CURRENCIES, Budget, parse_bytes, parse_share
from netsurgery.errors import RequestError
from netsurgery.formats import told
from netsurgery.jobs import CompressRequest, ThinRequest

PATHS = ("calibrate", "train_val", "solver", "templates")
"""Options that name files or folders."""
_REQUESTS = (CompressRequest, ThinRequest)
_OF_AN_ENTRY = ("inputs", "labels", "preprocessing", "plan", "save_plan", "cache", "force")
"""Fields that an entry has itself, or that are of no model but of the run."""


@lru_cache(maxsize=1)
def option_names() -> Tuple[str, ...]:
    """Return the options that there are: fields of either request."""
    names = [one.name for request in _REQUESTS for one in fields(request)]
    return tuple(name for name in dict.fromkeys(names) if name not in _OF_AN_ENTRY)


def checked_option(name: str, value: Any) -> Any:
    """Return an option as plain data that one of the requests takes.

    Args:
        name: One of `option_names`.
        value: As a manifest has it.

    Raises:
        NetsurgeryError: Neither takes it; says what it should be.
    """
    if name == "budget":
        return _budget(value)
    refusals = []
    for request in _REQUESTS:
        if name not in request.__dataclass_fields__:
            continue
        try:
            request(**{name: value})
        except RequestError as error:
            refusals.append(error)
        else:
            return value
    raise refusals[0]


def _budget(value: Any) -> Dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise RequestError(f"{told(value)} is no budget", remedy="write `{macs: 0.5}`")
    unknown = [name for name in value if name not in CURRENCIES]
    if unknown:
        raise RequestError(
            f"there is no cost {unknown[0]!r}", remedy=f"choose among {', '.join(CURRENCIES)}"
        )
    found = {name: _amount(name, amount) for name, amount in value.items()}
    return Budget(**found).given


def _amount(name: str, amount: Any) -> Any:
    if not isinstance(amount, str):
        return amount
    if name == "bytes":
        return parse_bytes(amount)
    return parse_share(amount, f"a share of {name}")
