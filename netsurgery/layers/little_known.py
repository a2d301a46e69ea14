"""Layer types of forks of which little more than the name is known.

Whoever learns more of one gives it a file of its own.
"""

from __future__ import annotations

from typing import Dict

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.registry import register_layer

_FORKS: Dict[str, str] = {
    "SSD": "AnnotatedData DetectionEvaluate VideoData",
    "R-FCN": "BoxAnnotatorOHEM",
    "SegNet": "DenseImageData",
    "YOLO": "Region RegionLoss YoloDetectionOutput Yolov3 Yolov3DetectionOutput",
    "Ristretto": "LRNRistretto",
    "FlowNet": "Correlation Correlation1D Resample",
}
_REGION_POOLINGS = ("ROIWarping", "PSROIAlign", "DeformablePSROIPooling")
_UNIT_VECTORS = ("L2Normalization", "L2Normalize", "L2Norm", "NormalizeLayer")


class RegionPooling(LayerType):
    """One item for every region of a picture."""

    bottoms = (2, None)
    region_bottom = 1

    def mixes_samples(self, layer: Layer) -> bool:
        """A region says itself which picture it is of."""
        return True


class UnitVectors(LayerType):
    """Vectors of one length."""

    makes_unit_vectors = True


def _register(base: type, names: str, fork: str = "") -> None:
    for name in names.split():
        register_layer(type(f"{name}Layer", (base,), {"name": name, "fork": fork}))


for _fork, _names in _FORKS.items():
    _register(LayerType, _names, _fork)
_register(RegionPooling, " ".join(_REGION_POOLINGS))
_register(UnitVectors, " ".join(_UNIT_VECTORS))
