"""What layers with masked weights share: Dynamic Network Surgery (Guo et al., 2016)."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import BlobFacts


class MaskedLayer(LayerType):
    """A layer whose weights are multiplied by masks, which stand behind them."""

    fork = "Dynamic Network Surgery"

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Forks differ."""
        return None

    def copies(self, parameter: Any) -> Sequence[int]:
        """The weights and bias, then their masks."""
        return 0, 1 + parameter.bias_term

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """The weights and the bias, then the masks."""
        _, masks = self.copies(getattr(layer.parameter, self.message))
        own = super().describe_blobs(layer)[:masks]
        return (*own, *(one._replace(name=f"mask of {one.name}") for one in own))
