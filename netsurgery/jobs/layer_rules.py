"""Rules for layers, as a caller writes them down."""

from __future__ import annotations

from typing import Mapping, Sequence, Tuple, Union

import numpy as np

from netsurgery.planning import LayerRule, parse_rule

Amount = Union[int, float, str]
Rules = Union[Amount, Mapping[str, Amount], Sequence[LayerRule]]
"""An amount for all layers, or amounts by layer: by its name, a glob or a layer type.

An amount is a whole number, a share, or a text like ``"25%"`` or ``"evbmf"``.
"""


def rules_of(kind: str, given: Rules) -> Tuple[LayerRule, ...]:
    """Return rules of one kind.

    Args:
        kind: ``"rank"``, ``"energy"``, ``"error"`` or ``"keep"``.
        given: What a caller wrote down; a text may name its layer, as in ``"fc6=1024"``.

    Raises:
        PlanError: An amount is none, or out of range.
    """
    if isinstance(given, (int, float, np.number, str)):
        return (parse_rule(kind, str(given)),)
    if isinstance(given, Mapping):
        return tuple(parse_rule(kind, f"{layer}={amount}") for layer, amount in given.items())
    return tuple(given)
