"""The fully connected layer with masked weights: Dynamic Network Surgery (Guo et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.base_inner_product import BaseInnerProductLayer
from netsurgery.layers.masked import MaskedLayer
from netsurgery.layers.registry import register_layer


@register_layer
class CInnerProductLayer(MaskedLayer, BaseInnerProductLayer):
    """A product with weights times masks, which stand behind them."""

    name = "CInnerProduct"
