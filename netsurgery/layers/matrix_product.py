"""Layers as what they are: rows of inputs times a matrix of weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import List, Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.layers.layer import Layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import ROW_PRODUCTS
from netsurgery.linalg import Geometry, extract_patches, windows_over

Places = Optional[np.ndarray]


class MatrixProduct(ABC):
    """A layer seen as ``y = W x + b`` on rows.

    A row x is a window of the input, or all that an InnerProduct reads of a sample; a convolution
    in groups is a product for each group.

    Attributes:
        layer: The layer.
        groups: Number of products.
    """

    def __init__(self, layer: Layer, groups: int) -> None:
        self.layer, self.groups = layer, groups

    @classmethod
    def of(cls, layer: Layer, bottom: Shape) -> MatrixProduct:
        """Return a layer as a product.

        Args:
            layer: The layer.
            bottom: Shape of what it reads.

        Raises:
            NetworkError: It is none, or has its channels on another axis than 1.
        """
        found = layer.layer_type.matrix_product(layer, bottom)
        if found is None:
            known = " or ".join(product.value for product in ROW_PRODUCTS)
            raise NetworkError(f"it is of type {layer.type}, not {known}", layer=layer.name)
        return found

    @classmethod
    def find(cls, layer: Layer, bottom: Optional[Shape]) -> Optional[MatrixProduct]:
        """Return the layer as a product, or None where it is none that can be read as rows."""
        if bottom is None:
            return None
        try:
            return layer.layer_type.matrix_product(layer, bottom)
        except NetworkError:
            return None

    @property
    @abstractmethod
    def places(self) -> int:
        """How many windows the layer takes of each sample; 1 for an InnerProduct."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Length of a row x."""

    @abstractmethod
    def read(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return for each group the rows x, shape (m, d), of an array that the layer reads.

        Args:
            array: What the layer reads.
            places: Numbers of the windows wanted; all if None.
        """

    @abstractmethod
    def made(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return for each group the rows y, shape (m, n), of an array that the layer makes."""

    @abstractmethod
    def matrices(self, weights: np.ndarray) -> List[np.ndarray]:
        """Return for each group its weights as a matrix, shape (n, d)."""

    def joined(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """Return matrices, one for each group, as the layer stores them, to be reshaped."""
        return np.concatenate(matrices)


class WindowProduct(MatrixProduct):
    """A convolution: each window of its input is a row."""

    def __init__(self, layer: Layer, groups: int, bottom: Shape, geometry: Geometry) -> None:
        """Take what it is.

        Args:
            layer: The layer.
            groups: Number of groups.
            bottom: Shape of what it reads, channels on axis 1.
            geometry: Its windows.
        """
        super().__init__(layer, groups)
        self._bottom, self._geometry = bottom, geometry

    @property
    def places(self) -> int:
        """How many windows the layer takes of each sample."""
        return prod(windows_over(self._bottom, self._geometry))

    @property
    def width(self) -> int:
        """Length of a row x."""
        return self._bottom[1] // self.groups * prod(self._geometry.kernel)

    def read(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return for each group the windows, shape (m, d)."""
        parts = np.split(array, self.groups, axis=1)
        found = [extract_patches(part, self._geometry, places) for part in parts]
        return [rows.reshape(-1, rows.shape[-1]) for rows in found]

    def made(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return for each group what is made of each window, shape (m, n)."""
        flat = array.reshape(*array.shape[:2], -1)
        flat = flat if places is None else flat[:, :, places]
        parts = np.split(flat.transpose(0, 2, 1), self.groups, axis=2)
        return [part.reshape(-1, part.shape[-1]) for part in parts]

    def matrices(self, weights: np.ndarray) -> List[np.ndarray]:
        """Return for each group its kernels as a matrix, shape (n, d)."""
        return [part.reshape(len(part), -1) for part in np.split(weights, self.groups)]


class DenseProduct(MatrixProduct):
    """An InnerProduct: all that it reads of a sample is a row."""

    places = 1

    def __init__(self, layer: Layer, bottom: Shape, axis: int, transposed: bool) -> None:
        """Take what it is.

        Args:
            layer: The layer.
            bottom: Shape of what it reads.
            axis: The first axis that belongs to a row, counted from the front.
            transposed: Whether its weights are stored inputs first.
        """
        super().__init__(layer, 1)
        self._bottom, self._axis, self._transposed = bottom, axis, transposed

    @property
    def width(self) -> int:
        """Length of a row x."""
        return prod(self._bottom[self._axis :])

    def read(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return the rows, shape (m, d)."""
        return [array.reshape(prod(array.shape[: self._axis]), -1)]

    def made(self, array: np.ndarray, places: Places = None) -> List[np.ndarray]:
        """Return what is made of each row, shape (m, n)."""
        return [array.reshape(prod(array.shape[: self._axis]), -1)]

    def matrices(self, weights: np.ndarray) -> List[np.ndarray]:
        """Return the weights, shape (n, d)."""
        matrix = weights.reshape(weights.shape[-2:])
        return [matrix.T if self._transposed else matrix]

    def joined(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """Return the matrix as the layer stores it, to be reshaped."""
        whole = super().joined(matrices)
        return whole.T if self._transposed else whole
