"""Layers as what they are in a trained net: ``y = scale * x + shift``, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn, Optional, Sequence

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.formats import Blob
from netsurgery.layers.layer import Layer

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
        layer: A layer whose type `is_per_channel`.
        blobs: Its blobs.
        axis: Where the channels lie in what it reads.

    Raises:
        NetworkError: It does something else; the text says what.
    """
    foreign = [path for path in layer.text.unknown if path.split(".")[-1] not in _HARMLESS]
    if foreign:
        refuse(layer, f"stock Caffe does not know its {foreign[0]}")
    if (len(layer.bottoms), len(layer.tops)) != (1, 1):
        refuse(layer, "it reads its numbers from a second bottom")
    if not blobs:
        refuse(layer, "the weights hold no blobs for it")
    return layer.layer_type.per_channel(layer, blobs, axis)


def shifted(found: PerChannel, blobs: Sequence[Blob], shift: np.ndarray) -> Sequence[np.ndarray]:
    """Return the blobs with which the layer adds ``shift`` to every channel it makes, besides.

    Args:
        found: What the layer does; it has a ``shift_blob``.
        blobs: Its blobs.
        shift: Shape (channels,).
    """
    arrays = [blob.array(np.float64) for blob in blobs]
    return found.layer.layer_type.shifted(found, arrays, shift)


def read_vector(layer: Layer, parameter: Any, blob: Blob, axis: Axis) -> np.ndarray:
    """Return a blob as a number for each channel: one for all, or one along their axis alone.

    Args:
        layer: The layer.
        parameter: Its ``scale_param`` or ``bias_param``: where the blob's axes begin.
        blob: The blob.
        axis: Where the channels lie.

    Raises:
        NetworkError: Its numbers lie along another axis, or are not as many.
    """
    values = blob.array(np.float64).reshape(-1)
    first = parameter.axis
    if first < 0 and axis.axes is None:
        refuse(layer, f"it counts its axis ({first}) from the end of an unknown shape")
    first += axis.axes if first < 0 and axis.axes else 0
    # Caffe's own files may give a vector more axes than it has.
    shape = blob.shape if parameter.num_axes not in (0, 1) else (values.size,)[: parameter.num_axes]
    if values.size == 1:
        return np.full(axis.channels, values[0])
    if dict(enumerate(shape, first)).get(axis.index) != values.size:
        refuse(layer, f"its numbers do not lie along axis {axis.index}, that of the channels")
    refuse_other_count(layer, values.size, axis)
    return values


def refuse_other_count(layer: Layer, count: int, axis: Axis) -> None:
    """Refuse a layer that has numbers for another number of channels than there are.

    Raises:
        NetworkError: It has.
    """
    if count != axis.channels:
        refuse(layer, f"it has {count} channels, where there are {axis.channels}")


def refuse(layer: Layer, problem: str) -> NoReturn:
    """Say why a layer is no scale and shift.

    Raises:
        NetworkError: Always.
    """
    raise NetworkError(problem, layer=layer.name)
