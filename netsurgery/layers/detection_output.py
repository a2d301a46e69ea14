"""The detections of SSD (Liu et al., 2016)."""

from __future__ import annotations

from typing import Optional

from netsurgery.layers.base import LayerType
from netsurgery.layers.layer import Layer
from netsurgery.layers.registry import register_layer
from netsurgery.layers.traits import Detection


@register_layer
class DetectionOutputLayer(LayerType):
    """What remains of scored boxes."""

    name = "DetectionOutput"
    fork = "SSD"
    bottoms = (3, None)
    keeps = "gives each of them a meaning"
    message = "detection_output_param"
    opencv_names = ("DetectionOutput",)
    opencv_fields = ("clip", "normalized_bbox")

    def detection(self, layer: Layer) -> Optional[Detection]:
        """What it chooses among, where it says how many classes there are."""
        parameter = layer.parameter.detection_output_param
        if parameter.num_classes <= 0:
            return None
        boxes, scores = layer.bottoms[:2]
        background, least = parameter.background_label_id, parameter.confidence_threshold
        return Detection(boxes, scores, parameter.num_classes, background, least)

    def mixes_samples(self, layer: Layer) -> bool:
        """One list holds the detections of all samples."""
        return True
