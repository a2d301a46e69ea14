"""Detectors in a network: the scores and boxes that detections are chosen from, or that are told.

A detector is told by its ``DetectionOutput``, or by outputs that are the scores of a Softmax and as
many boxes, or as many for each class, as those of Fast R-CNN, MTCNN and Ultraface are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Tuple

from netsurgery.layers import Detection
from netsurgery.network.graph import Layer, Network, Value
from netsurgery.network.shapes import Shapes, infer_shapes

CORNERS = 4
"""Numbers of a box."""
BACKGROUND = 0
"""The class that says that there is nothing, where no layer tells."""


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
        detection = layer.layer_type.detection(layer)
        if detection is not None:
            found.append(_choosing(layer, detection))
        elif layer.layer_type.is_softmax:
            shapes = infer_shapes(network) if shapes is None else shapes
            found += _beside(network, layer, value, shapes)
    return found


def _choosing(layer: Layer, detection: Detection) -> Detector:
    """The scores and the boxes that detections are chosen from."""
    boxes, scores, classes, background, least = detection
    return Detector(scores, (boxes,), classes, None, background, least, layer)


def _beside(network: Network, softmax: Layer, value: Value, shapes: Shapes) -> List[Detector]:
    """Scores that are an output, and boxes that are one, too; nothing if there are none."""
    shape = shapes.get(value) or ()
    axis = softmax.layer_type.class_axis(softmax, len(shape))
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
    return layer is not None and layer.layer_type.squashes
