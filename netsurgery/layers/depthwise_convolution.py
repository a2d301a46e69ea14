"""Depthwise convolution of forks, which ignores ``group``."""

from __future__ import annotations

from typing import Any, Optional

from netsurgery.layers.convolution import ConvolutionLayer
from netsurgery.layers.registry import register_layer


@register_layer
class DepthwiseConvolutionLayer(ConvolutionLayer):
    """Every channel is convolved with kernels of its own."""

    name = "ConvolutionDepthwise"
    aliases = ("ConvolutionDepthWise",)
    stock = "Convolution"
    is_stock = False
    fork = "MobileNet"

    def groups(self, parameter: Any, channels: Optional[int] = None) -> int:
        """As many as channels."""
        return int(parameter.num_output) if channels is None else channels
