"""Batch normalisation (Ioffe and Szegedy, 2015), of stock Caffe, of NVIDIA and of Intel."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import Blob
from netsurgery.layers.base import LayerType
from netsurgery.layers.fields import says
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ChannelNode, ConstantNode, ShapeNode
from netsurgery.layers.normalising import (
    NormalisationBlobs,
    blob_shapes,
    places_of,
    read_normalisation,
    why_not_frozen,
)
from netsurgery.layers.registry import register_layer
from netsurgery.layers.scale_shift import Axis, PerChannel, refuse, refuse_other_count
from netsurgery.layers.shape import Shape, show
from netsurgery.layers.stock_normalisation import Written, in_stock_layers
from netsurgery.layers.traits import BIAS, BlobFacts, Trouble


class NormalisingLayer(LayerType):
    """Every channel less its mean, divided by its deviation."""

    def places(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """Return which blobs hold what, or None where the prototxt does not tell."""
        return places_of(layer)

    def blobs(self, node: ShapeNode) -> Optional[Sequence[Shape]]:
        """Mean and variance of every channel, the factor of both, or what forks have."""
        if self.places(node.layer) is None:
            return None
        return blob_shapes(node.layer, node.bottom[1])

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

    def constants(self, node: ConstantNode) -> Sequence[np.ndarray]:
        """Normalised by the stored mean and variance, which are frozen when a net is used."""
        if not node.blobs or why_not_frozen(node.layer):
            return node.unknown()
        found = read_normalisation(node.layer, node.blobs)
        deviation = np.sqrt(found.variance + found.eps)
        centred = node.bottoms[0] - node.placed(found.mean, 1)
        scaled = centred / node.placed(deviation, 1) * node.placed(found.scale, 1)
        return [scaled + node.placed(found.shift, 1)]

    def normalisation(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """What the prototxt tells."""
        return self.places(layer)

    def per_channel(self, layer: Layer, blobs: Sequence[Blob], axis: Axis) -> PerChannel:
        """Normalised by what was learnt."""
        found = read_normalisation(layer, [blob.array(np.float64) for blob in blobs])
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
        return None if places is None else in_stock_layers(layer, places, held, fresh)


@register_layer
class BatchNormLayer(NormalisingLayer):
    """Batch normalisation, with a Scale behind it in stock Caffe."""

    name = "BatchNorm"
    is_stock = True
    message = "batch_norm_param"
    opencv_names = ("BatchNorm",)
    may_be_zero = True

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.check(len(node.bottom) >= 2, f"needs 2 axes or more, has {show(node.bottom)}")
        return [node.bottom]

    def describe_blobs(self, layer: Layer) -> Sequence[BlobFacts]:
        """Those of stock Caffe, then those that NVIDIA's may have."""
        own = (BlobFacts("mean", 0), BlobFacts("variance", 0), BlobFacts("scale factor"))
        return (*own, BlobFacts("scale", 0), BIAS)

    def shifted(
        self, found: PerChannel, arrays: List[np.ndarray], shift: np.ndarray
    ) -> Sequence[np.ndarray]:
        """Where there is no other blob, the mean takes it, which is stored scaled."""
        if found.shift_blob != 0:
            return super().shifted(found, arrays, shift)
        held = read_normalisation(found.layer, arrays)
        mean = held.mean - shift / found.scale
        return [mean, held.variance, np.ones(arrays[2].shape)]

    def normalises_by_batch(self, layer: Layer) -> bool:
        """Where use_global_stats is false."""
        return says(layer.parameter.batch_norm_param, use_global_stats=False)

    def mixes_samples(self, layer: Layer) -> bool:
        """Statistics of the batch are those of all its samples."""
        return self.normalises_by_batch(layer)

    def troubles(self, node: ShapeNode, phase: str) -> Iterator[Trouble]:
        """Layers that normalise by the batch although nothing is trained."""
        if phase == "TEST" and self.normalises_by_batch(node.layer):
            problem = "normalises by the batch, not by the mean and variance it has learnt"
            yield Trouble("warning", problem, "remove use_global_stats: false")

    def blob_troubles(self, layer: Layer, blobs: Sequence[Blob]) -> Iterator[Trouble]:
        """No statistics, or a variance below zero."""
        if len(blobs) != 3 or blobs[2].count != 1:
            return
        factor = float(blobs[2].array().ravel()[0])
        if factor == 0:
            problem = "blob 2 (scale factor) is 0: mean and variance count as 0"
            yield Trouble("warning", problem, "train it, or set the factor to 1")
            return
        lowest = float(blobs[1].array().min(initial=0)) / factor
        if lowest + layer.parameter.batch_norm_param.eps < 0:
            problem = f"blob 1 (variance) goes down to {lowest:.3g}: its root is NaN"
            yield Trouble("warning", problem, "the file is damaged, or of another Caffe")

    def explain_extra(self) -> Optional[str]:
        """Forks have a scale and a bias in it."""
        return "a fork's BatchNorm with scale and bias: make it a BatchNorm and a Scale"

    def stock_words(self, layer: Layer) -> Tuple[str, ...]:
        """Two layers, where a fork's scales too."""
        places = self.places(layer)
        scales = places is not None and places.scale is not None
        return ("BatchNorm", "Scale") if scales else ()

    def stock_fields(self, layer: Layer) -> Dict[str, object]:
        """What NVIDIA's Caffe says where a layer is stock Caffe's: ``scale_bias: false``."""
        says_so = layer.parameter.batch_norm_param.HasField("scale_bias")
        places = self.places(layer) if says_so else None
        plain = places is not None and places.scale is None
        return {"batch_norm_param.scale_bias": None} if plain else {}
