"""The regions that a detector looks at (Ren et al., 2015), made without Python."""

from __future__ import annotations

from netsurgery.layers.base import LayerType
from netsurgery.layers.registry import register_layer


@register_layer
class ProposalLayer(LayerType):
    """Boxes that are likely to hold something."""

    name = "Proposal"
    fork = "PVANET"
    bottoms = (3, 3)
    tops = (1, 2)
    keeps = "gives each of them a meaning"
