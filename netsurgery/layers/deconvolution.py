"""Deconvolution: transposed convolution."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np

from netsurgery.formats import fork_dilation
from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.constants import linear_constants
from netsurgery.layers.layer import Layer
from netsurgery.layers.linear import Linear
from netsurgery.layers.nodes import ConstantNode, ShapeNode
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, count
from netsurgery.layers.traits import Product
from netsurgery.layers.windows import Windows


class BaseDeconvolutionLayer(BaseConvolutionLayer):
    """Kernels (channels, num_output / group, kernel) spread, each times a number."""

    outputs_axis = 1

    def slide(self, windows: Windows, node: ShapeNode, sizes: Sequence[int]) -> Shape:
        """What the transposed convolution spreads over."""
        return windows.deconvolve(node, sizes)

    def macs(self, bottoms: Sequence[Shape], tops: Sequence[Shape], blobs: Sequence[Shape]) -> int:
        """Each input value scales one filter."""
        return sum(count(bottom) for bottom in bottoms) * count(blobs[0][1:])


@register_layer
class DeconvolutionLayer(BaseDeconvolutionLayer):
    """The transposed convolution."""

    name = "Deconvolution"
    is_stock = True
    product = Product.DECONVOLUTION
    opencv_names = ("Deconvolution",)

    def linear(
        self, layer: Layer, bottoms: Sequence[Shape], blobs: Sequence[np.ndarray]
    ) -> Optional[Linear]:
        """The kernels of each group, outputs first; at the border, windows are not whole."""
        weights, *bias = blobs
        grouped = self.grouped(layer, weights, bottoms[0]).transpose(0, 2, 1, 3)
        axis = int(layer.parameter.convolution_param.axis)
        rows = bias[0].reshape(grouped.shape[:2]) if bias else None
        return Linear(layer, grouped, rows, axis, reads_rest=False, meets_all=False)

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It does not dilate."""
        parameter = layer.parameter.convolution_param
        dilated = any(step != 1 for step in parameter.dilation) or fork_dilation(parameter)
        return unheeded("dilation", layer) if dilated else None

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Sums of constants."""
        return linear_constants(node)
