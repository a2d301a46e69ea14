"""Layers as what they are: rows of inputs times a matrix of weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.layers.layer import Layer
from netsurgery.layers.shape import Shape
from netsurgery.layers.traits import ROW_PRODUCTS
from netsurgery.linalg import (
    Geometry,
    extract_patches,
    gather_index,
    gather_patches,
    windows_over,
)

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
    def read(self, array: np.ndarray, places: Places = None) -> np.ndarray:
        """Return the rows x of each group, shape (groups, m, d), of an array that the layer reads.

        Args:
            array: What the layer reads.
            places: Numbers of the windows wanted; all if None.
        """

    @abstractmethod
    def positions(self, places: np.ndarray) -> Optional[np.ndarray]:
        """Return of what windows are made: numbers in a channel, rising; None for all there is.

        Args:
            places: Numbers of the windows.
        """

    @abstractmethod
    def read_gathered(self, array: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return what `read` does of no more than `positions` says.

        Args:
            array: Shape (N, C, positions).
            places: Numbers of the windows wanted.
        """

    @abstractmethod
    def made(self, array: np.ndarray, places: Places = None) -> np.ndarray:
        """Return the rows y of each group, shape (groups, m, n), of an array that it makes."""

    @abstractmethod
    def matrices(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights as a matrix for each group, shape (groups, n, d)."""

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

    def read(self, array: np.ndarray, places: Places = None) -> np.ndarray:
        """Return the windows of each group, shape (groups, m, d)."""
        return self._by_group(extract_patches(array, self._geometry, places))

    def positions(self, places: np.ndarray) -> np.ndarray:
        """Return the positions in a channel that the windows cover, rising."""
        return gather_index(self._bottom, self._geometry, places)[0]

    def read_gathered(self, array: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return the windows of each group, of what they cover."""
        _, index = gather_index(self._bottom, self._geometry, places)
        return gather_patches(array, index, self.groups)

    def made(self, array: np.ndarray, places: Places = None) -> np.ndarray:
        """Return what is made of each window in each group, shape (groups, m, n)."""
        flat = array.reshape(*array.shape[:2], -1)
        flat = flat if places is None else flat[:, :, places]
        return self._by_group(flat.transpose(0, 2, 1))

    def matrices(self, weights: np.ndarray) -> np.ndarray:
        """Return the kernels of each group as a matrix, shape (groups, n, d)."""
        return weights.reshape(self.groups, len(weights) // self.groups, -1)

    def _by_group(self, rows: np.ndarray) -> np.ndarray:
        """Divide rows of all groups, shape (N, places, groups * n), without a copy if it can be."""
        return rows.reshape(-1, self.groups, rows.shape[-1] // self.groups).transpose(1, 0, 2)


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

    def read(self, array: np.ndarray, places: Places = None) -> np.ndarray:
        """Return the rows, shape (1, m, d)."""
        return array.reshape(1, prod(array.shape[: self._axis]), -1)

    def positions(self, places: np.ndarray) -> None:
        """None, as a row is all there is."""

    def read_gathered(self, array: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return the rows, shape (1, m, d)."""
        return self.read(array)

    def made(self, array: np.ndarray, places: Places = None) -> np.ndarray:
        """Return what is made of each row, shape (1, m, n)."""
        return array.reshape(1, prod(array.shape[: self._axis]), -1)

    def matrices(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights, shape (1, n, d)."""
        matrix = weights.reshape(weights.shape[-2:])
        return (matrix.T if self._transposed else matrix)[None]

    def joined(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """Return the matrix as the layer stores it, to be reshaped."""
        whole = super().joined(matrices)
        return whole.T if self._transposed else whole
