"""What channel rules share: the registry."""

from __future__ import annotations

from typing import Callable, Dict, Sequence, TypeVar

import numpy as np

from netsurgery.layers import ChannelNode, Fields, Kept, Layer, with_twins

ChannelRule = Callable[[ChannelNode], Sequence[np.ndarray]]
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
