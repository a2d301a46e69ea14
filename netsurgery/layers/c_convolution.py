"""Convolution with masked weights: Dynamic Network Surgery (Guo et al., 2016)."""

from __future__ import annotations

from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.masked import MaskedLayer
from netsurgery.layers.registry import register_layer


@register_layer
class CConvolutionLayer(MaskedLayer, BaseConvolutionLayer):
    """A convolution by weights times masks, which stand behind them."""

    name = "CConvolution"
