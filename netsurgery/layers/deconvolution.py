"""Deconvolution: transposed convolution."""

from __future__ import annotations

from typing import Sequence

from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.windows import Windows


class BaseDeconvolutionLayer(BaseConvolutionLayer):
    """Kernels (channels, num_output / group, kernel) spread, each times a number."""

    outputs_axis = 1

    def slide(self, windows: Windows, node: ShapeNode, sizes: Sequence[int]) -> Shape:
        """What the transposed convolution spreads over."""
        return windows.deconvolve(node, sizes)


@register_layer
class DeconvolutionLayer(BaseDeconvolutionLayer):
    """The transposed convolution."""

    name = "Deconvolution"
    is_stock = True
