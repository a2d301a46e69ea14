"""Layers whose last bottom says what to do with the others."""

from __future__ import annotations

from typing import List, Sequence

import numpy as np

from netsurgery.layers.base import LayerType, Limits
from netsurgery.layers.labels import varying
from netsurgery.layers.nodes import ChannelNode


class SelectingLayer(LayerType):
    """Items, taken or moved as the last bottom says."""

    bottoms: Limits = (2, 2)

    def channels(self, node: ChannelNode) -> Sequence[np.ndarray]:
        """The channels of all bottoms but the last, which says what to do with them."""
        items: List[np.ndarray]
        *items, selector = node.bottoms
        node.ties.pin(selector, f"{node} takes them as what to do")
        for labels in items:
            if 0 in varying(labels):
                node.ties.pin(labels, f"{node} selects among them")
        return items
