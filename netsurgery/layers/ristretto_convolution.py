"""Convolution with rounded numbers: Ristretto (Gysel et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.registry import register_layer


@register_layer
class RistrettoConvolutionLayer(BaseConvolutionLayer):
    """A convolution by weights that are rounded first."""

    name = "ConvolutionRistretto"
    fork = "Ristretto"
