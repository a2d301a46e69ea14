"""The fully connected layer."""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np

from netsurgery.layers.base_inner_product import BaseInnerProductLayer
from netsurgery.layers.constants import linear_constants
from netsurgery.layers.layer import Layer
from netsurgery.layers.linear import Linear
from netsurgery.layers.matrix_product import DenseProduct, MatrixProduct
from netsurgery.layers.nodes import ConstantNode
from netsurgery.layers.opencv import unheeded
from netsurgery.layers.registry import register_layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import Product


@register_layer
class InnerProductLayer(BaseInnerProductLayer):
    """All numbers of a sample times a matrix, plus a bias."""

    name = "InnerProduct"
    is_stock = True
    product = Product.DENSE
    opencv_names = ("InnerProduct",)

    def linear(
        self, layer: Layer, bottoms: Sequence[Shape], blobs: Sequence[np.ndarray]
    ) -> Optional[Linear]:
        """The matrix, as one group."""
        weights, *bias = blobs
        parameter = layer.parameter.inner_product_param
        matrix = (weights.T if parameter.transpose else weights)[None, :, :, None]
        rows = bias[0].reshape(matrix.shape[:2]) if bias else None
        return Linear(layer, matrix, rows, int(parameter.axis), reads_rest=True, meets_all=True)

    def matrix_product(self, layer: Layer, bottom: Shape) -> Optional[MatrixProduct]:
        """All that it reads of a sample is a row."""
        parameter = layer.parameter.inner_product_param
        axis = parameter.axis % max(len(bottom), 1)
        return DenseProduct(layer, bottom, axis, bool(parameter.transpose))

    def spoils_its_bottom(self, layer: Layer) -> bool:
        """Each output reads all inputs."""
        return True

    def opencv_fault(self, layer: Layer, bottoms: Sequence[Optional[Shape]]) -> Optional[str]:
        """It knows no ``transpose``."""
        transposed = layer.parameter.inner_product_param.transpose
        return unheeded("transpose", layer) if transposed else None

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Sums of constants."""
        return linear_constants(node)
