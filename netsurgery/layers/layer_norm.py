"""Layer normalisation (Ba et al., 2016), which forks have with blobs of their own."""

from __future__ import annotations

from typing import Optional, Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class LayerNormLayer(LayerType):
    """Every sample less its mean, divided by its deviation."""

    name = "LayerNorm"

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        return [node.bottom]

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Forks differ."""
        return None
