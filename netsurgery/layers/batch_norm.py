"""Batch normalisation (Ioffe and Szegedy, 2015), of stock Caffe, of NVIDIA and of Intel.

Stock Caffe's has a mean, a variance and a factor that both are stored times. NVIDIA's (from 0.16
on) may have a scale and a bias behind them; when a net is used it takes mean and variance as they
are, and stores 0 or 1 for the factor.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from netsurgery.formats import Blob
from netsurgery.layers.fields import says
from netsurgery.layers.layer import Layer
from netsurgery.layers.nodes import ShapeNode
from netsurgery.layers.normalising import NormalisationBlobs, NormalisingLayer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.scale_shift import PerChannel
from netsurgery.layers.shape import Shape, show
from netsurgery.layers.traits import BIAS, BlobFacts, Trouble

_STOCK = NormalisationBlobs(0, 1, 2)
_NVIDIA = NormalisationBlobs(0, 1, 2, 3, 4)
_SCALES = "batch_norm_param.scale_bias"
_SCALED_INSIDE = (_SCALES, "batch_norm_param.scale_filler", "batch_norm_param.bias_filler")
_SMALLEST_EPS = 1e-5
"""NVIDIA's Caffe takes no smaller one, as cuDNN does not."""


@register_layer
class BatchNormLayer(NormalisingLayer):
    """Batch normalisation, with a Scale behind it in stock Caffe."""

    name = "BatchNorm"
    is_stock = True
    message = "batch_norm_param"
    opencv_names = ("BatchNorm",)
    may_be_zero = True
    opencv_fields = ("scale_bias",)

    def shapes(self, node: ShapeNode) -> Sequence[Shape]:
        """The shape of the bottom."""
        node.check(len(node.bottom) >= 2, f"needs 2 axes or more, has {show(node.bottom)}")
        return [node.bottom]

    def places(self, layer: Layer) -> Optional[NormalisationBlobs]:
        """Stock Caffe's or NVIDIA's; nothing where Intel's fields stand, whose engine decides."""
        parameter = layer.parameter.batch_norm_param
        if any(parameter.HasField(name) for name in ("use_weight_bias", "bias_term")):
            return None
        shifts = parameter.HasField("bias_filler") and not parameter.HasField("filler")
        implied = parameter.HasField("scale_filler") or shifts
        return _NVIDIA if implied or parameter.scale_bias else _STOCK

    def eps(self, layer: Layer) -> float:
        """As it is written; NVIDIA's Caffe takes none that cuDNN would not."""
        eps = float(layer.parameter.batch_norm_param.eps)
        return max(eps, _SMALLEST_EPS) if self.places(layer) == _NVIDIA else eps

    def why_not_frozen(self, layer: Layer) -> Optional[str]:
        """Where it takes the statistics of the batch."""
        batch = self.normalises_by_batch(layer)
        return "it normalises by the batch (use_global_stats: false)" if batch else None

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
        held = self.read(found.layer, arrays)
        mean = held.mean - shift / found.scale
        return [mean, held.variance, np.ones(arrays[2].shape)]

    def normalises_by_batch(self, layer: Layer) -> bool:
        """Where use_global_stats is false."""
        return says(layer.parameter.batch_norm_param, use_global_stats=False)

    def gathers_statistics(self, layer: Layer) -> bool:
        """Unless use_global_stats is true."""
        return not says(layer.parameter.batch_norm_param, use_global_stats=True)

    def freezing_fields(self, layer: Layer) -> Optional[Dict[str, Any]]:
        """What it has learnt is what it takes when a net is used."""
        return {"batch_norm_param.use_global_stats": True}

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

    def field_remedy(self, parameter: Any, path: str) -> Optional[str]:
        """What NVIDIA's Caffe says of the scale that is in it."""
        if path == _SCALES and not parameter.batch_norm_param.scale_bias:
            return "remove it: stock Caffe's has none"
        inside = path in _SCALED_INSIDE
        return (
            "make the layer a BatchNorm and a Scale, which holds scale and bias" if inside else None
        )
