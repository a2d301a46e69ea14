"""Layers that normalise each channel: what their blobs are, and what they do when a net is used."""

from __future__ import annotations

from abc import abstractmethod
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import Blob
from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.scale_shift import Axis, PerChannel, refuse, refuse_other_count
from netsurgery.layers.shape import Shape
from netsurgery.layers.stock_normalisation import Written, in_stock_layers


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


class BaseNormalisingLayer(LayerType):
    """Every channel less its mean, divided by its deviation, whatever blobs a fork keeps."""

    def places(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """Return which blobs hold what, or None where the prototxt does not tell."""
        return None

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Mean and variance of every channel, the factor of both, or what forks have."""
        places = self.places(node.layer)
        if places is None:
            return None
        own = self.blob_shape(node)
        return [own if index in places.channels else (1,) for index in range(places.blobs)]

    def gathers_statistics(self, layer: Layer) -> bool:
        """As far as is known."""
        return True

    def blob_shape(self, node: ShapeNode) -> Shape:
        """Return the shape of a blob that has a number for each channel."""
        return (node.bottom[1],)

    def channels(self, node: ChannelNode) -> List[np.ndarray]:
        """The channels of the bottom; forks differ in how many blobs they have for each."""
        labels = node.along(1)
        for blob in self._blobs_of_channels(node, len(labels)):
            node.use(blob, labels)
        return [node.bottoms[0]]

    def _blobs_of_channels(self, node: ChannelNode, channels: int) -> List[int]:
        trained = node.weights.blobs(node.layer.name) if node.weights else ()
        places = self.places(node.layer)
        if places is not None and len(trained) in (0, places.blobs):
            return list(places.channels)
        if not trained:
            return [0, 1]
        return [index for index, blob in enumerate(trained) if blob.count == channels]


class NormalisingLayer(BaseNormalisingLayer):
    """A normalisation that is known to the last number where its prototxt tells what it is."""

    @abstractmethod
    def eps(self, layer: Layer) -> float:
        """Return what a layer adds to the variance."""

    @abstractmethod
    def why_not_frozen(self, layer: Layer) -> Optional[str]:
        """Return why a layer does not use what it has learnt alone, or None if it does."""

    def read(self, layer: Layer, arrays: Sequence[np.ndarray]) -> Normalisation:
        """Return what a layer does when a net is used.

        Args:
            layer: The layer.
            arrays: Its blobs.

        Raises:
            NetworkError: It does something else, or its blobs are others; the text says what.
        """
        places = self._require_places(layer, [array.size for array in arrays])
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
            self.eps(layer),
            blob(places.scale, ones),
            blob(places.shift, zeros),
        )

    def _require_places(self, layer: Layer, counts: Sequence[int]) -> NormalisationBlobs:
        problem, places = self.why_not_frozen(layer), self.places(layer)
        if problem or places is None:
            refuse(layer, problem or _is_a_forks(counts))
        sizes = {counts[index] for index in places.channels if index < len(counts)}
        whole = places.factor is None or counts[places.factor : places.factor + 1] == [1]
        if len(counts) != places.blobs or len(sizes) != 1 or not whole:
            refuse(layer, _is_a_forks(counts))
        return places

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Normalised by the stored mean and variance, which are frozen when a net is used."""
        if not node.blobs or self.why_not_frozen(node.layer):
            return node.unknown()
        found = self.read(node.layer, node.blobs)
        deviation = np.sqrt(found.variance + found.eps)
        centred = node.bottoms[0] - node.placed(found.mean, 1)
        scaled = centred / node.placed(deviation, 1) * node.placed(found.scale, 1)
        return [scaled + node.placed(found.shift, 1)]

    def normalisation(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """What the prototxt tells."""
        return self.places(layer)

    def per_channel(self, layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
        """Normalised by what was learnt."""
        found = self.read(layer, [blob.array(np.float64) for blob in blobs])
        if axis.index != 1:
            where = f"axis 1, where they are along axis {axis.index}"
            refuse(layer, f"it takes channels along {where}")
        refuse_other_count(layer, found.mean.size, axis)
        if not (found.variance + found.eps > 0).all():
            refuse(layer, "its variance and eps are not above zero")
        scale = found.scale / np.sqrt(found.variance + found.eps)
        places = found.places
        shift_blob = places.mean if places.shift is None else places.shift
        return PerChannel(layer, scale, found.shift - found.mean * scale, shift_blob)

    def stock_layers(
        self, layer: Layer, held: Sequence[Blob], fresh: Callable[[str], str]
    ) -> Optional[Written]:
        """A BatchNorm and a Scale, or a Scale alone."""
        places = self.places(layer)
        if places is None:
            return None
        return in_stock_layers(layer, places, self.eps(layer), held, fresh)


def _is_a_forks(counts: Sequence[int]) -> str:
    return f"it is a fork's, with {len(counts)} blobs: make it a BatchNorm and a Scale"


def _factor(places: NormalisationBlobs, rows: List[np.ndarray]) -> float:
    """What mean and variance are multiplied by: a factor of 0 is none to who has a scale too."""
    if places.factor is None:
        return 1.0
    factor = float(rows[places.factor][0])
    if factor == 0:
        return 0.0 if places.scale is None else 1.0
    return 1.0 / factor
