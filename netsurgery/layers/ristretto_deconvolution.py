"""Deconvolution with rounded numbers: Ristretto (Gysel et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.deconvolution import BaseDeconvolutionLayer
from netsurgery.layers.registry import register_layer


@register_layer
class RistrettoDeconvolutionLayer(BaseDeconvolutionLayer):
    """A deconvolution by weights that are rounded first."""

    name = "DeconvolutionRistretto"
    fork = "Ristretto"
