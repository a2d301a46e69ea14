"""Channels that must be cut together, and how to cut them out of a model."""

from __future__ import annotations

from netsurgery.network.channels.groups import (
    ChannelGroup,
    Cut,
    ValueCut,
    channel_groups,
    find_groups,
)
from netsurgery.network.channels.thinning import masked, put_back, thin_model

__all__ = [
    "ChannelGroup",
    "Cut",
    "ValueCut",
    "channel_groups",
    "find_groups",
    "masked",
    "put_back",
    "thin_model",
]
