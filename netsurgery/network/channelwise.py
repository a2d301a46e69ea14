"""BatchNorm, BN, Scale and Bias as what they are in a trained net: ``y = scale * x + shift``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, NoReturn, Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob
from netsurgery.layers import NORMALISING, Layer, read_normalisation

# What forks write into batch_norm_param that changes nothing here.
_HARMLESS = ("engine", "update_global_stats")


@dataclass(frozen=True)
class Axis:
    """The axis along which channels lie, of a value with some number of axes.

    Attributes:
        index: Its place, from 0.
        channels: Its size.
        axes: How many axes there are, or None where that is not known.
    """

    index: int
    channels: int
    axes: Optional[int] = None


@dataclass(frozen=True)
class PerChannel:
    """What a layer does to each channel.

    Attributes:
        layer: The layer.
        scale: Factors, float64, shape (channels,).
        shift: What is added behind them, float64, shape (channels,).
        shift_blob: The blob in which a constant can be added to what the layer makes, or None.
    """

    layer: Layer
    scale: np.ndarray
    shift: np.ndarray
    shift_blob: Optional[int]


def per_channel(layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
    """Read a layer of a net that is not being trained as a scale and a shift of channels.

    Args:
        layer: A layer of one of `PER_CHANNEL_TYPES`.
        blobs: Its blobs.
        axis: Where the channels lie in what it reads.

    Raises:
        NetworkError: It does something else; the text says what.
    """
    _refuse_unreadable(layer, blobs)
    return _READERS[layer.type](layer, blobs, axis)


def shifted(found: PerChannel, blobs: Sequence[Blob], shift: np.ndarray) -> Sequence[np.ndarray]:
    """Return the blobs with which the layer adds ``shift`` to every channel it makes, besides.

    Args:
        found: What the layer does; it has a ``shift_blob``.
        blobs: Its blobs.
        shift: Shape (channels,).
    """
    arrays = [blob.array(np.float64) for blob in blobs]
    index = found.shift_blob
    if found.layer.type == "BatchNorm" and index == 0:
        held = read_normalisation(found.layer, arrays)
        mean = held.mean - shift / found.scale
        return [mean, held.variance, np.ones(arrays[2].shape)]
    assert index is not None, "it cannot add anything"
    arrays[index] = arrays[index] + shift.reshape(arrays[index].shape)
    return arrays


def _refuse_unreadable(layer: Layer, blobs: Sequence[Blob]) -> None:
    foreign = [path for path in layer.text.unknown if path.split(".")[-1] not in _HARMLESS]
    if foreign:
        _refuse(layer, f"stock Caffe does not know its {foreign[0]}")
    if (len(layer.bottoms), len(layer.tops)) != (1, 1):
        _refuse(layer, "it reads its numbers from a second bottom")
    if not blobs:
        _refuse(layer, "the weights hold no blobs for it")


def _read_batch_norm(layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
    found = read_normalisation(layer, [blob.array(np.float64) for blob in blobs])
    if axis.index != 1:
        _refuse(layer, f"it takes channels along axis 1, where they are along axis {axis.index}")
    _refuse_other_count(layer, found.mean.size, axis)
    if not (found.variance + found.eps > 0).all():
        _refuse(layer, "its variance and eps are not above zero")
    scale = found.scale / np.sqrt(found.variance + found.eps)
    places = found.places
    shift_blob = places.mean if places.shift is None else places.shift
    return PerChannel(layer, scale, found.shift - found.mean * scale, shift_blob)


def _read_scale(layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
    parameter = layer.parameter.scale_param
    if len(blobs) != 1 + parameter.bias_term:
        _refuse(layer, f"the weights hold {len(blobs)} blobs, the prototxt asks for another number")
    scale = _vector(layer, parameter, blobs[0], axis)
    if not parameter.bias_term:
        return PerChannel(layer, scale, np.zeros(axis.channels), None)
    shift = _vector(layer, parameter, blobs[1], axis)
    return PerChannel(layer, scale, shift, 1 if blobs[1].count == axis.channels else None)


def _read_bias(layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
    shift = _vector(layer, layer.parameter.bias_param, blobs[0], axis)
    shift_blob = 0 if blobs[0].count == axis.channels else None
    return PerChannel(layer, np.ones(axis.channels), shift, shift_blob)


def _vector(layer: Layer, parameter: Any, blob: Blob, axis: Axis) -> np.ndarray:
    """The blob as a number for each channel: one for all, or one along their axis alone."""
    values = blob.array(np.float64).reshape(-1)
    first = parameter.axis
    if first < 0 and axis.axes is None:
        _refuse(layer, f"it counts its axis ({first}) from the end of an unknown shape")
    first += axis.axes if first < 0 and axis.axes else 0
    # Caffe's own files may give a vector more axes than it has.
    shape = blob.shape if parameter.num_axes not in (0, 1) else (values.size,)[: parameter.num_axes]
    if values.size == 1:
        return np.full(axis.channels, values[0])
    if dict(enumerate(shape, first)).get(axis.index) != values.size:
        _refuse(layer, f"its numbers do not lie along axis {axis.index}, that of the channels")
    _refuse_other_count(layer, values.size, axis)
    return values


def _refuse_other_count(layer: Layer, count: int, axis: Axis) -> None:
    if count != axis.channels:
        _refuse(layer, f"it has {count} channels, where there are {axis.channels}")


def _refuse(layer: Layer, problem: str) -> NoReturn:
    raise NetworkError(problem, layer=layer.name)


_READERS: Dict[str, Callable[[Layer, Sequence[Blob], Axis], PerChannel]] = {
    **dict.fromkeys(NORMALISING, _read_batch_norm),
    "Scale": _read_scale,
    "Bias": _read_bias,
}
PER_CHANNEL_TYPES = tuple(_READERS)
