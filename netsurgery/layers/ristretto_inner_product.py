"""The fully connected layer with rounded numbers: Ristretto (Gysel et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.base_inner_product import BaseInnerProductLayer
from netsurgery.layers.registry import register_layer


@register_layer
class RistrettoInnerProductLayer(BaseInnerProductLayer):
    """A product with weights that are rounded first."""

    name = "FcRistretto"
    fork = "Ristretto"
