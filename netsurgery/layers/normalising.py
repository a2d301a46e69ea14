"""Layers that normalise each channel: what their blobs are, of stock Caffe and of forks.

Stock Caffe's BatchNorm has a mean, a variance and a factor that both are stored times. NVIDIA's
(from 0.16 on) may have a scale and a bias behind them; when a net is used it takes mean and
variance as they are, and stores 0 or 1 for the factor. Type BN is SegNet's (a scale and a shift,
and nothing else when it is used: bn_mode INFERENCE), or of Yjxiong's and PSPNet's kin (those, then
mean and variance).
"""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.errors import NetworkError
from netsurgery.layers.layer import Layer

NORMALISING = ("BatchNorm", "BN")

_SMALLEST_EPS = 1e-5
"""NVIDIA's Caffe takes no smaller one, as cuDNN does not."""

_OF_YJXIONG = ("slope_filler", "bias_filler", "momentum", "eps", "frozen")
_OF_PSPNET = ("var_eps", "decay", "moving_average")


class NormalisationBlobs(NamedTuple):
    """Which blobs of a layer hold what; None for what it has not.

    Attributes:
        mean: What is subtracted.
        variance: What it is divided by the root of.
        factor: What mean and variance are stored times.
        scale: What it is multiplied by then.
        shift: What is added then.
    """

    mean: Optional[int] = None
    variance: Optional[int] = None
    factor: Optional[int] = None
    scale: Optional[int] = None
    shift: Optional[int] = None

    @property
    def blobs(self) -> int:
        """How many blobs there are."""
        return sum(place is not None for place in self)

    @property
    def channels(self) -> Tuple[int, ...]:
        """The blobs that hold one number for each channel."""
        return tuple(sorted(p for p in self if p is not None and p != self.factor))


_STOCK = NormalisationBlobs(0, 1, 2)
_NVIDIA = NormalisationBlobs(0, 1, 2, 3, 4)
_SEGNET = NormalisationBlobs(scale=0, shift=1)
_YJXIONG = NormalisationBlobs(2, 3, None, 0, 1)


class Normalisation(NamedTuple):
    """What a layer does when a net is used: ``(x - mean) / sqrt(variance + eps) * scale + shift``.

    Attributes:
        places: Its blobs.
        mean: float64, shape (channels,).
        variance: Likewise.
        eps: What is added to the variance.
        scale: Likewise; ones where it has none.
        shift: Likewise; zeros where it has none.
    """

    places: NormalisationBlobs
    mean: np.ndarray
    variance: np.ndarray
    eps: float
    scale: np.ndarray
    shift: np.ndarray


def places_of(layer: Layer) -> Optional[NormalisationBlobs]:
    """Return the blobs that a layer has as its prototxt says, or None if that does not tell.

    Args:
        layer: A layer of one of the types `NORMALISING`.
    """
    if layer.type == "BatchNorm":
        parameter = layer.parameter.batch_norm_param
        if any(parameter.HasField(name) for name in ("use_weight_bias", "bias_term")):
            return None  # Intel's: also its engine decides.
        shifts = parameter.HasField("bias_filler") and not parameter.HasField("filler")
        implied = parameter.HasField("scale_filler") or shifts
        return _NVIDIA if implied or parameter.scale_bias else _STOCK
    parameter = layer.parameter.bn_param
    if parameter.HasField("bn_mode"):
        return _SEGNET
    if any(parameter.HasField(name) for name in (*_OF_YJXIONG, *_OF_PSPNET)):
        return _YJXIONG
    return None


def blob_shapes(layer: Layer, channels: int) -> Sequence[Tuple[int, ...]]:
    """Return the shapes of the blobs of a layer whose `places_of` are known."""
    places = places_of(layer)
    assert places is not None, "forks differ"
    own = (1, channels, 1, 1) if layer.type == "BN" else (channels,)
    return [own if index in places.channels else (1,) for index in range(places.blobs)]


def read_normalisation(layer: Layer, arrays: Sequence[np.ndarray]) -> Normalisation:
    """Read what a layer does when a net is used.

    Args:
        layer: A layer of one of the types `NORMALISING`.
        arrays: Its blobs.

    Raises:
        NetworkError: It does something else, or its blobs are others; the text says what.
    """
    places = _require_places(layer, [array.size for array in arrays])
    rows = [np.asarray(array, np.float64).reshape(-1) for array in arrays]
    channels = len(rows[places.channels[0]])
    ones, zeros = np.ones(channels), np.zeros(channels)
    factor = _factor(places, rows)

    def blob(place: Optional[int], otherwise: np.ndarray) -> np.ndarray:
        return otherwise if place is None else rows[place]

    return Normalisation(
        places,
        blob(places.mean, zeros) * factor,
        blob(places.variance, ones) * factor,
        eps_of(layer),
        blob(places.scale, ones),
        blob(places.shift, zeros),
    )


def eps_of(layer: Layer) -> float:
    """Return what a layer adds to the variance."""
    places = places_of(layer)
    if layer.type == "BatchNorm":
        eps = float(layer.parameter.batch_norm_param.eps)
        return max(eps, _SMALLEST_EPS) if places == _NVIDIA else eps
    if places == _SEGNET:
        return 0.0
    parameter = layer.parameter.bn_param
    return float(parameter.var_eps if parameter.HasField("var_eps") else parameter.eps)


def why_not_frozen(layer: Layer) -> Optional[str]:
    """Return why a layer does not use what it has learnt alone, or None if it does."""
    parameter = layer.parameter.batch_norm_param
    if layer.type == "BatchNorm":
        batch = parameter.HasField("use_global_stats") and not parameter.use_global_stats
        return "it normalises by the batch (use_global_stats: false)" if batch else None
    parameter, places = layer.parameter.bn_param, places_of(layer)
    if places is None:
        return (
            "forks have other layers of type BN, and it does not tell of which it is: it has no "
            "bn_mode, no eps"
        )
    if places == _SEGNET:
        learns = parameter.bn_mode != parameter.INFERENCE
        return "it normalises by the batch (bn_mode is not INFERENCE)" if learns else None
    if not any(parameter.HasField(name) for name in _OF_PSPNET):
        return None
    if not parameter.moving_average:
        return "it may normalise by the batch (moving_average: true is not written)"
    return None if parameter.HasField("var_eps") else "its var_eps is not written"


def _require_places(layer: Layer, counts: Sequence[int]) -> NormalisationBlobs:
    problem = why_not_frozen(layer)
    places = places_of(layer)
    if problem or places is None:
        raise NetworkError(problem or _is_a_forks(counts), layer=layer.name)
    sizes = {counts[index] for index in places.channels if index < len(counts)}
    whole = places.factor is None or counts[places.factor : places.factor + 1] == [1]
    if len(counts) != places.blobs or len(sizes) != 1 or not whole:
        raise NetworkError(_is_a_forks(counts), layer=layer.name)
    return places


def _is_a_forks(counts: Sequence[int]) -> str:
    return f"it is a fork's, with {len(counts)} blobs: make it a BatchNorm and a Scale"


def _factor(places: NormalisationBlobs, rows: List[np.ndarray]) -> float:
    if places.factor is None:
        return 1.0
    factor = float(rows[places.factor][0])
    if factor == 0:
        return 0.0 if places == _STOCK else 1.0
    return 1.0 / factor
