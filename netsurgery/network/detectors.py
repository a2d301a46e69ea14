"""Detectors in a network: the scores and boxes that detections are chosen from, or that are told.

A detector is told by its ``DetectionOutput``, or by outputs that are the scores of a Softmax and as
many boxes, or as many for each class, as those of Fast R-CNN, MTCNN and Ultraface are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Optional, Tuple

from netsurgery.layers import Layer, Shape, Value
from netsurgery.network.graph import Network
from netsurgery.network.scores import SQUASHING
from netsurgery.network.shapes import infer_shapes

DETECTION, SOFTMAX = "DetectionOutput", "Softmax"
CORNERS = 4
"""Numbers of a box."""
BACKGROUND = 0
"""The class that says that there is nothing, where no layer tells."""

Shapes = Mapping[Value, Optional[Shape]]


@dataclass(frozen=True)
class Detector:
    """What a network tells of things that it sees.

    Attributes:
        scores: Scores of every class for every box.
        boxes: The boxes; of every class one, or one for all.
        classes: How many classes.
        axis: The axis of the classes; None where it is the inner part of the last.
        background: The class that says that there is nothing; -1 for none.
        least: The score from which on a box is told of; 0 where the network does not say.
        layer: The layer that chooses among the boxes; None where all are outputs.
    """

    scores: Value
    boxes: Tuple[Value, ...]
    classes: int
    axis: Optional[int]
    background: int
    least: float = 0.0
    layer: Optional[Layer] = None


def is_detection(layer: Optional[Layer]) -> bool:
    """Whether a layer makes lists of detections, in Caffe or in one of its forks."""
    return layer is not None and layer.type.endswith(DETECTION)


def detectors_of(network: Network, shapes: Optional[Shapes] = None) -> List[Detector]:
    """Return the detectors of a network, in the order of its outputs.

    Args:
        network: The network.
        shapes: Of its outputs; inferred if None.
    """
    found = []
    for value in network.outputs:
        layer = network.producer(value)
        if layer is None:
            continue
        if layer.type == DETECTION and layer.parameter.detection_output_param.num_classes > 0:
            found.append(_choosing(layer))
        elif layer.type == SOFTMAX:
            shapes = infer_shapes(network) if shapes is None else shapes
            found += _beside(network, layer, value, shapes)
    return found


def _choosing(layer: Layer) -> Detector:
    """The scores and the boxes that detections are chosen from."""
    parameter = layer.parameter.detection_output_param
    boxes, scores = layer.bottoms[:2]
    classes, background = parameter.num_classes, parameter.background_label_id
    least = parameter.confidence_threshold
    return Detector(scores, (boxes,), classes, None, background, least, layer)


def _beside(network: Network, softmax: Layer, value: Value, shapes: Shapes) -> List[Detector]:
    """Scores that are an output, and boxes that are one, too; nothing if there are none."""
    shape = shapes.get(value) or ()
    axis = softmax.parameter.softmax_param.axis % max(len(shape), 1)
    if not axis:
        return []
    classes = shape[axis]
    wanted = [(*shape[:axis], CORNERS * count, *shape[axis + 1 :]) for count in (1, classes)]
    boxes = tuple(
        other
        for other in network.outputs
        if shapes.get(other) in wanted and not _is_squashed(network, other)
    )
    return [Detector(value, boxes, classes, axis, BACKGROUND)] if boxes else []


def _is_squashed(network: Network, value: Value) -> bool:
    layer = network.producer(value)
    return layer is not None and layer.type in SQUASHING
