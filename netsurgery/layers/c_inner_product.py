"""The fully connected layer with masked weights: Dynamic Network Surgery (Guo et al., 2016)."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from netsurgery.layers.base_inner_product import BaseInnerProductLayer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class CInnerProductLayer(BaseInnerProductLayer):
    """A product with weights times masks, which stand behind them."""

    name = "CInnerProduct"
    fork = "Dynamic Network Surgery"

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Forks differ."""
        return None

    def copies(self, parameter: Any) -> Sequence[int]:
        """The weights and bias, then their masks."""
        return 0, 1 + parameter.bias_term
