"""Convolution."""

from __future__ import annotations

from typing import Tuple

from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.registry import register_layer


@register_layer
class ConvolutionLayer(BaseConvolutionLayer):
    """Windows of all channels of a group times kernels (num_output, channels / group, kernel)."""

    name = "Convolution"
    aliases: Tuple[str, ...] = ("DepthwiseConvolution", "MKLConvolution")
    is_stock = True
