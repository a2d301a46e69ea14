"""Depthwise convolution of forks, which ignores ``group``."""

from __future__ import annotations

from typing import Any, Dict, Optional

from netsurgery.layers.convolution import ConvolutionLayer
from netsurgery.layers.layer import Layer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape


@register_layer
class DepthwiseConvolutionLayer(ConvolutionLayer):
    """Every channel is convolved with kernels of its own."""

    name = "ConvolutionDepthwise"
    aliases = ("ConvolutionDepthWise",)
    stock = "Convolution"
    is_stock = False
    fork = "MobileNet"
    stock_needs = "; it needs group: as many as channels"
    opencv_names = ("ConvolutionDepthwise",)
    opencv_names_tops = False

    def groups(self, parameter: Any, channels: Optional[int] = None) -> int:
        """As many as channels."""
        return int(parameter.num_output) if channels is None else channels

    def renamed_fields(self, layer: Layer, bottom: Optional[Shape]) -> Dict[str, object]:
        """A group for each channel."""
        parameter = layer.parameter.convolution_param
        channels = None if bottom is None else bottom[parameter.axis]
        return {"convolution_param.group": self.groups(parameter, channels)}
