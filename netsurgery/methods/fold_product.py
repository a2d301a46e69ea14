"""Layers that sum over channels, seen so that single channels can be scaled and shifted."""

from __future__ import annotations

from typing import Any, NoReturn, Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob
from netsurgery.layers import Axis, Product
from netsurgery.network import Layer, Shape


class FoldProduct:
    """A Convolution, Deconvolution or InnerProduct as a product for each of its groups.

    Attributes:
        layer: The layer.
        message: The name of its parameter message.
        weights: Its first blob.
        bias: What it adds to each output, float64, or None.
        groups: Number of groups.
        outputs: The axis of channels of what it makes.
    """

    def __init__(self, layer: Layer, blobs: Sequence[Blob], bottom: Optional[Shape]) -> None:
        """Read the layer.

        Args:
            layer: The layer, whose type is a `Product`.
            blobs: Its blobs.
            bottom: Shape of what it reads, or None where that is not known.

        Raises:
            NetworkError: It has other tops, bottoms or blobs than stock Caffe's.
        """
        self.layer = layer
        self._bottom = bottom
        self._convolves = layer.layer_type.product is not Product.DENSE
        self.message = layer.layer_type.message
        self._parameter: Any = getattr(layer.parameter, self.message)
        self._refuse_unusual(blobs)
        self.weights = blobs[0]
        bias = blobs[1].array(np.float64).reshape(-1) if self._parameter.bias_term else None
        self.bias: Optional[np.ndarray] = bias
        self.groups = self._groups()
        self.outputs = self._outputs()

    def inputs(self) -> Axis:
        """Return the axis of channels of what the layer reads.

        Raises:
            NetworkError: Its channels are not known.
        """
        if not self._convolves:
            return self._inputs_of_inner_product()
        shape = self.weights.shape
        channels = shape[0] if self._reversed else shape[1] * self.groups
        return Axis(self.outputs.index, channels, self.outputs.axes)

    @property
    def takes_shift(self) -> bool:
        """Whether adding a number to all of a channel it reads changes its output evenly.

        It does not where zeros are padded, or where a deconvolution's windows overlap.
        """
        padded = self.layer.layer_type.pads(self.layer)
        return not padded and (not self._reversed or self._is_pointwise)

    def tensor(self, array: np.ndarray, channels: Optional[int] = None) -> np.ndarray:
        """Return weights as stored as (groups, outputs of one, inputs of one, all the rest).

        Args:
            array: The weights.
            channels: How many channels an InnerProduct reads; each input is one if not given.
        """
        groups, outputs = self.groups, self.outputs.channels // self.groups
        if self._reversed:
            return array.reshape(groups, len(array) // groups, outputs, -1).swapaxes(1, 2)
        if self._convolves:
            return array.reshape(groups, outputs, array.shape[1], -1)
        matrix = array.reshape(array.shape[-2:])
        matrix = matrix.T if self._parameter.transpose else matrix
        return matrix.reshape(groups, outputs, channels or matrix.size // outputs, -1)

    def stored(self, tensor: np.ndarray) -> np.ndarray:
        """Return what `tensor` returns in the form in which the layer stores it."""
        if self._reversed:
            tensor = tensor.swapaxes(1, 2)
        elif not self._convolves:
            matrix = tensor.reshape(self.outputs.channels, -1)
            tensor = matrix.T if self._parameter.transpose else matrix
        return tensor.reshape(self.weights.shape)

    @property
    def overlaps(self) -> bool:
        """Whether windows of what it makes overlap, not of what it reads."""
        return self._reversed

    @property
    def _reversed(self) -> bool:
        return self.layer.layer_type.product is Product.DECONVOLUTION

    @property
    def _is_pointwise(self) -> bool:
        parameter = self._parameter
        sizes = [*parameter.kernel_size, *parameter.stride]
        sizes += [
            getattr(parameter, f"{what}_{side}") for what in ("kernel", "stride") for side in "hw"
        ]
        return all(size in (0, 1) for size in sizes)  # 0: not given

    def _groups(self) -> int:
        if not self._convolves:
            return 1
        return self.layer.layer_type.groups(self._parameter, self._channels())

    def _channels(self) -> Optional[int]:
        return self._bottom[self._parameter.axis] if self._bottom else None

    def _outputs(self) -> Axis:
        axes = len(self._bottom) if self._bottom else 0
        index = self._parameter.axis
        if index < 0 and not axes:
            self._refuse(f"it counts its axis ({index}) from the end of an unknown shape")
        index += axes if index < 0 else 0
        made = axes if self._convolves else index + 1
        return Axis(index, self._parameter.num_output, made or None)

    def _inputs_of_inner_product(self) -> Axis:
        if self._bottom is None:
            self._refuse("the shape of what it reads is not known")
        if self.outputs.index != 1:
            self._refuse(f"it sums from axis {self.outputs.index} on, not over channels")
        return Axis(1, self._bottom[1], len(self._bottom))

    def _refuse_unusual(self, blobs: Sequence[Blob]) -> None:
        layer, wanted = self.layer, 1 + self._parameter.bias_term
        if layer.text.unknown:
            self._refuse(f"stock Caffe does not know its {layer.text.unknown[0]}")
        if (len(layer.bottoms), len(layer.tops)) != (1, 1):
            self._refuse("it has several bottoms or tops")
        if len(blobs) != wanted:
            self._refuse(f"the weights hold {len(blobs)} blobs for it, not {wanted}")

    def _refuse(self, problem: str) -> NoReturn:
        raise NetworkError(problem, layer=self.layer.name)
