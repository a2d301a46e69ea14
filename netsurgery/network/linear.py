"""Layers that multiply by a matrix, in one form: groups of outputs by inputs by kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Dict, Optional, Sequence, Set

import numpy as np

from netsurgery.layers import CONVOLUTION, Layer, Shape, ShapeNode, groups_of, read_windows
from netsurgery.network.channels.propagation import Shapes
from netsurgery.network.graph import Network
from netsurgery.network.model import Model
from netsurgery.network.shapes import parameter_shapes

INNER_PRODUCT, DECONVOLUTION = "InnerProduct", "Deconvolution"


@dataclass(frozen=True, eq=False)
class Linear:
    """What a layer multiplies its bottom by, and adds.

    Attributes:
        layer: The layer.
        weights: Shape (groups, outputs of a group, inputs of a group, kernel).
        bias: Shape (groups, outputs of a group); None where the layer has none.
        meets_all: Whether every output adds up all weights of its row: no zeros stand beside the
            input, and no kernel hangs over the border.
    """

    layer: Layer
    weights: np.ndarray
    bias: Optional[np.ndarray]
    meets_all: bool

    @cached_property
    def touched(self) -> np.ndarray:
        """Whether an output depends on an input, shape (groups, outputs, inputs)."""
        return np.any(self.weights != 0, axis=-1)

    @property
    def takes_constants(self) -> bool:
        """Whether what a constant input adds to the outputs can go into the bias, exactly."""
        return self.meets_all and self.bias is not None

    def added_by(self, constants: np.ndarray) -> np.ndarray:
        """Return what constant inputs add to each output, shape (groups, outputs), float64.

        Args:
            constants: What each input holds, shape (groups, inputs of a group).
        """
        columns = np.flatnonzero(constants.any(axis=0))
        sums = self.weights[:, :, columns].sum(axis=-1, dtype=np.float64)
        return np.einsum("goi,gi->go", sums, constants[:, columns].astype(np.float64))

    def entries(self, held: np.ndarray, bottom: Shape) -> np.ndarray:
        """Return what each input holds, shape (groups, inputs of a group).

        Args:
            held: What a bottom holds, which broadcasts to its shape; NaN where that changes.
            bottom: Its shape.
        """
        axis = self._axis % len(bottom)
        kept = range(axis, len(bottom)) if self.layer.type == INNER_PRODUCT else (axis,)
        for other in range(len(bottom)):
            if other not in kept and held.shape[other] > 1:
                first = held.take([0], other)
                same = (held == first).all(axis=other, keepdims=True)
                held = np.where(same, first, np.nan)
        shape = [size if one in kept else 1 for one, size in enumerate(bottom)]
        return np.broadcast_to(held, shape).reshape(len(self.weights), -1)

    def placed(self, outputs: np.ndarray, axes: int, bottom: Shape) -> np.ndarray:
        """Return an array of (groups, outputs) along the axis of a top that has ``axes`` axes."""
        shape = [1] * axes
        shape[self._axis % len(bottom)] = outputs.size
        return outputs.reshape(shape)

    @property
    def _axis(self) -> int:
        parameter = self.layer.parameter
        if self.layer.type == INNER_PRODUCT:
            return int(parameter.inner_product_param.axis)
        return int(parameter.convolution_param.axis)


def find_linear(model: Model, network: Network, shapes: Shapes) -> Dict[int, Linear]:
    """Return the layers whose weights are known and their own, by their index.

    Weights that several layers share are left out, and those that the file does not hold.

    Args:
        model: The model.
        network: Its network.
        shapes: The shape of each value.
    """
    shared = _sharing(network)
    found: Dict[int, Linear] = {}
    for layer in network.layers:
        if layer.index not in shared:
            bottoms = [shapes[value] for value in layer.bottoms]
            linear = _linear(layer, bottoms, own_blobs(model, layer, bottoms))
            if linear is not None:
                found[layer.index] = linear
    return found


def own_blobs(
    model: Model, layer: Layer, bottoms: Sequence[Optional[Shape]]
) -> Sequence[np.ndarray]:
    """Return a layer's blobs in the shapes Caffe gives them; () where the file has others."""
    shapes = parameter_shapes(layer, bottoms) if None not in bottoms else None
    blobs = model.blobs(layer.name)
    if not shapes or [blob.count for blob in blobs] != [prod(shape) for shape in shapes]:
        return ()
    return [blob.array().reshape(shape) for blob, shape in zip(blobs, shapes)]


def _sharing(network: Network) -> Set[int]:
    layers = [layer.index for group in network.shared_parameters for layer, _ in group.members]
    twice = [layer.index for name in network.duplicate_names for layer in network.find(name)]
    return {*layers, *twice}


def _linear(
    layer: Layer, bottoms: Sequence[Optional[Shape]], blobs: Sequence[np.ndarray]
) -> Optional[Linear]:
    if layer.kind not in (CONVOLUTION, DECONVOLUTION, INNER_PRODUCT) or not blobs:
        return None
    weights, *bias = blobs
    if layer.type == INNER_PRODUCT:
        transposed = layer.parameter.inner_product_param.transpose
        weights = (weights.T if transposed else weights)[None, :, :, None]
        meets_all = True
    else:
        weights = _grouped(layer, weights, bottoms[0] or ())
        meets_all = layer.kind == CONVOLUTION and all(_inside(layer, one or ()) for one in bottoms)
    rows = weights.shape[:2]
    return Linear(layer, weights, bias[0].reshape(rows) if bias else None, meets_all)


def _grouped(layer: Layer, weights: np.ndarray, bottom: Shape) -> np.ndarray:
    parameter = layer.parameter.convolution_param
    groups = groups_of(layer.type, parameter, bottom[parameter.axis])
    first, second = weights.shape[:2]
    grouped = weights.reshape(groups, first // groups, second, -1)
    return grouped.transpose(0, 2, 1, 3) if layer.type == DECONVOLUTION else grouped


def _inside(layer: Layer, bottom: Shape) -> bool:
    """Whether a convolution reads nothing but its input."""
    parameter = layer.parameter.convolution_param
    sizes = bottom[parameter.axis % len(bottom) + 1 :]
    windows = read_windows(ShapeNode(layer, (bottom,)), parameter, len(sizes))
    fits = all(extent <= size for extent, size in zip(windows.extent, sizes))
    return fits and not any(windows.pad)
