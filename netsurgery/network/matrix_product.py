"""Convolution and InnerProduct as what they are: rows of inputs times a matrix of weights."""

from __future__ import annotations

from math import prod
from typing import List, Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.layers import CONVOLUTION, Layer, Shape, ShapeNode, groups_of, read_windows
from netsurgery.linalg import Geometry, extract_patches, windows_over

Places = Optional[np.ndarray]
TYPES = (CONVOLUTION, "InnerProduct")


class MatrixProduct:
    """A Convolution or InnerProduct layer seen as ``y = W x + b`` on rows.

    A row x is a window of the input, or all that an InnerProduct reads of a sample; a convolution
    in groups is a product for each group.

    Attributes:
        layer: The layer.
        groups: Number of products.
    """

    @classmethod
    def find(cls, layer: Layer, bottom: Optional[Shape]) -> Optional[MatrixProduct]:
        """Return the layer as a product, or None where it is none that this class reads."""
        if layer.kind not in TYPES or bottom is None:
            return None
        parameter = layer.parameter.convolution_param
        pictures = bool(bottom) and parameter.axis % len(bottom) == 1
        return cls(layer, bottom) if layer.type == "InnerProduct" or pictures else None

    def __init__(self, layer: Layer, bottom: Shape) -> None:
        """Read the layer.

        Args:
            layer: The layer.
            bottom: Shape of what it reads.

        Raises:
            NetworkError: It is of another type, or has its channels on another axis than 1.
        """
        self.layer = layer
        if layer.kind not in TYPES:
            self._refuse(f"it is of type {layer.type}, not {' or '.join(TYPES)}")
        self._convolves = layer.kind == CONVOLUTION
        if self._convolves:
            parameter = layer.parameter.convolution_param
            if parameter.axis % len(bottom) != 1:
                self._refuse(f"its channels are on axis {parameter.axis}, not on axis 1")
            self._windows = read_windows(ShapeNode(layer, (bottom,)), parameter, len(bottom) - 2)
            self.groups = groups_of(layer.type, parameter, bottom[1])
        else:
            self._axis = layer.parameter.inner_product_param.axis % len(bottom)
            self.groups = 1
        self._bottom = bottom

    @property
    def places(self) -> int:
        """How many windows the layer takes of each sample; 1 for an InnerProduct."""
        return prod(windows_over(self._bottom, self._geometry)) if self._convolves else 1

    @property
    def width(self) -> int:
        """Length of a row x."""
        if self._convolves:
            return self._bottom[1] // self.groups * prod(self._windows.kernel)
        return prod(self._bottom[self._axis :])

    def read(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return for each group the rows x, shape (m, d), of an array that the layer reads.

        Args:
            array: What the layer reads.
            places: Numbers of the windows wanted; all if None.
        """
        if not self._convolves:
            return [array.reshape(prod(array.shape[: self._axis]), -1)]
        parts = np.split(array, self.groups, axis=1)
        found = [extract_patches(part, self._geometry, places) for part in parts]
        return [rows.reshape(-1, rows.shape[-1]) for rows in found]

    def made(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return for each group the rows y, shape (m, n), of an array that the layer makes."""
        if not self._convolves:
            return [array.reshape(prod(array.shape[: self._axis]), -1)]
        flat = array.reshape(*array.shape[:2], -1)
        flat = flat if places is None else flat[:, :, places]
        parts = np.split(flat.transpose(0, 2, 1), self.groups, axis=2)
        return [part.reshape(-1, part.shape[-1]) for part in parts]

    def matrices(self, weights: np.ndarray) -> List[np.ndarray]:
        """Return for each group its weights as a matrix, shape (n, d)."""
        if self._convolves:
            return [part.reshape(len(part), -1) for part in np.split(weights, self.groups)]
        matrix = weights.reshape(weights.shape[-2:])
        return [matrix.T if self._transposed else matrix]

    def joined(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """Return matrices, one for each group, as the layer stores them, to be reshaped."""
        whole = np.concatenate(matrices)
        return whole.T if self._transposed else whole

    @property
    def _geometry(self) -> Geometry:
        windows = self._windows
        return Geometry(windows.kernel, windows.stride, windows.pad, windows.dilation)

    @property
    def _transposed(self) -> bool:
        return not self._convolves and self.layer.parameter.inner_product_param.transpose

    def _refuse(self, problem: str) -> None:
        raise NetworkError(problem, layer=self.layer.name)
