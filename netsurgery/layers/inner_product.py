"""The fully connected layer."""

from __future__ import annotations

from netsurgery.layers.base_inner_product import BaseInnerProductLayer
from netsurgery.layers.registry import register_layer


@register_layer
class InnerProductLayer(BaseInnerProductLayer):
    """All numbers of a sample times a matrix, plus a bias."""

    name = "InnerProduct"
    is_stock = True
