"""Convolution."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob, fork_dilation
from netsurgery.layers.base_convolution import BaseConvolutionLayer
from netsurgery.layers.constants import linear_constants
from netsurgery.layers.layer import Layer
from netsurgery.layers.linear import Linear
from netsurgery.layers.matrix_product import MatrixProduct, WindowProduct
from netsurgery.layers.nodes import ConstantNode, ShapeNode
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape, show
from netsurgery.layers.traits import Product, Trouble
from netsurgery.layers.windows import read_windows
from netsurgery.linalg import Geometry


@register_layer
class ConvolutionLayer(BaseConvolutionLayer):
    """Windows of all channels of a group times kernels (num_output, channels / group, kernel)."""

    name = "Convolution"
    aliases: Tuple[str, ...] = ("DepthwiseConvolution", "MKLConvolution")
    is_stock = True
    alias_forks = {"DepthwiseConvolution": "MobileNet"}
    product = Product.CONVOLUTION
    opencv_names = ("Convolution",)
    opencv_names_tops = True

    def linear(
        self, layer: Layer, bottoms: Sequence[Shape], blobs: Sequence[np.ndarray]
    ) -> Optional[Linear]:
        """The kernels of each group; zeros beside the input keep sums from being whole."""
        weights, *bias = blobs
        whole = all(_reads_inside(layer, bottom) for bottom in bottoms)
        grouped = self.grouped(layer, weights, bottoms[0])
        axis = int(layer.parameter.convolution_param.axis)
        rows = bias[0].reshape(grouped.shape[:2]) if bias else None
        return Linear(layer, grouped, rows, axis, reads_rest=False, meets_all=whole)

    def matrix_product(self, layer: Layer, bottom: Shape) -> Optional[MatrixProduct]:
        """Each window of its input is a row."""
        parameter = layer.parameter.convolution_param
        if not bottom or parameter.axis % len(bottom) != 1:
            problem = f"its channels are on axis {parameter.axis}, not on axis 1"
            raise NetworkError(problem, layer=layer.name)
        windows = read_windows(ShapeNode(layer, (bottom,)), parameter, len(bottom) - 2)
        geometry = Geometry(windows.kernel, windows.stride, windows.pad, windows.dilation)
        groups = self.groups(parameter, bottom[1])
        return WindowProduct(layer, groups, bottom, geometry)

    def troubles(self, node: ShapeNode, phase: str) -> Iterator[Trouble]:
        """Kernels wider than their padded input, which Caffe takes if the stride rounds it away."""
        param = node.parameter.convolution_param
        sizes = node.bottom[node.axis(param.axis) + 1 :]
        windows = read_windows(node, param, len(sizes))
        padded = [size + 2 * pad for size, pad in zip(sizes, windows.pad)]
        if any(extent > size for extent, size in zip(windows.extent, padded)):
            problem = f"has a kernel of {show(windows.extent)} over a padded {show(padded)}"
            yield Trouble("warning", problem, "see whether the input is as big as meant")

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It knows no `hole`, and reads other pixels where a depthwise 3x3 is dilated."""
        if fork_dilation(layer.parameter.convolution_param):
            return unheeded("hole", layer)
        if bottoms and bottoms[0] and self._is_thinly_dilated(layer, bottoms[0]):
            return "has other values than Caffe where a dilated 3x3 window reads one channel"
        return None

    def _is_thinly_dilated(self, layer: Layer, bottom: Shape) -> bool:
        """Depthwise, 3x3 and dilated: with pad 1 and stride 1 OpenCV reads other pixels."""
        param = layer.parameter.convolution_param
        channels = bottom[1] if len(bottom) == 4 else 0
        depthwise = self.groups(param, channels) == channels == param.num_output
        if not depthwise or len(bottom) != 4:
            return False
        windows = read_windows(ShapeNode(layer, (bottom,)), param, 2)
        return windows.kernel == (3, 3) and max(windows.dilation) > 1

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Sums of constants."""
        return linear_constants(node)

    def explain_shape(self, layer: Layer, blob: Blob, wanted: Shape) -> Optional[str]:
        """Where only the number of groups is off: some forks have another default."""
        if not len(blob.shape) == len(wanted) == 4:
            return None
        if blob.shape[0] != wanted[0] or blob.shape[2:] != wanted[2:]:
            return None
        stored = wanted[1] * layer.parameter.convolution_param.group
        groups, rest = divmod(stored, blob.shape[1] or 1)
        if rest or not groups:
            return None
        return f"these weights want group: {groups}, which a fork may have as its default"


def _reads_inside(layer: Layer, bottom: Shape) -> bool:
    """Whether a convolution reads nothing but its input."""
    parameter = layer.parameter.convolution_param
    sizes = bottom[parameter.axis % len(bottom) + 1 :]
    windows = read_windows(ShapeNode(layer, (bottom,)), parameter, len(sizes))
    fits = all(extent <= size for extent, size in zip(windows.extent, sizes))
    return fits and not any(windows.pad)
