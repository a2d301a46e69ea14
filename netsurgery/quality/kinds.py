"""What each output of a network is, told from its layers; never from how wide it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from netsurgery.errors import Remedy, VerificationError
from netsurgery.layers import Compared, layer_type
from netsurgery.network import (
    Detector,
    Layer,
    Network,
    Shape,
    Value,
    detectors_of,
    infer_shapes,
    layers_to,
    reached_by,
)
from netsurgery.quality.limits import (
    BOXES,
    CLASSES,
    DETECTIONS,
    EMBEDDINGS,
    KINDS,
    MAP,
    NUMBERS,
    PICTURE,
    PROBABILITIES,
    SEGMENTATION,
)

_DETECTION_ROW = 7
# Of the input's height and width, what an image that a net makes of it has at least. Nets that
# pad nothing lose some at each convolution.
_IMAGE_SHARE = 0.5
_CHANNELS_OF_PICTURES = (1, 3)
CHOICES = tuple(kind for kind in KINDS if kind != BOXES)
"""What a user may say that an output is: boxes are told by the scores beside them."""


@dataclass(frozen=True)
class OutputKind:
    """What an output is.

    Attributes:
        name: One of `KINDS`.
        told_by: What told so.
        shape: Shape of the array of scores, without its first size; for classes.
        axis: The axis of the classes in ``(N, *shape)``.
        indices: Classes come as their numbers, not as scores.
        background: The class that says that there is nothing; -1 for none.
        scores: The output that holds the scores of the boxes.
    """

    name: str
    told_by: str
    shape: Optional[Shape] = None
    axis: int = 1
    indices: bool = False
    background: int = -1
    scores: Optional[Value] = None


def kinds_of(
    network: Network,
    shapes: Mapping[Value, Shape],
    inputs: Mapping[Value, Shape],
    *,
    labelled: Optional[Value] = None,
    chosen: Optional[Mapping[str, str]] = None,
    classes_asked: bool = False,
) -> Dict[Value, OutputKind]:
    """Return what each output is.

    Args:
        network: The network.
        shapes: Shapes of the outputs to tell.
        inputs: Shapes of the network's inputs.
        labelled: The output for which there are labels.
        chosen: What the user says of outputs, by blob.
        classes_asked: The user asks how many classes stay: where nothing else tells what holds
            classes, what could hold a score for each does.

    Raises:
        VerificationError: The user names no output, or no kind; or what is said cannot be.
    """
    chosen = dict(chosen or {})
    _refuse_unknown(chosen, [value.blob for value in network.outputs])
    found: Dict[Value, OutputKind] = {}
    for detector in detectors_of(network, shapes):
        found.update(_of_detector(network, detector, shapes))
    for value, shape in shapes.items():
        if value.blob in chosen:
            found[value] = _as_chosen(value.blob, shape, chosen[value.blob])
        elif value == labelled:
            found[value] = OutputKind(CLASSES, "labels are given for it", shape[1:])
        elif value not in found:
            found[value] = _tell(network, value, shape, inputs)
    # Boxes are nothing without the scores that they belong to.
    for value, kind in found.items():
        if kind.name == BOXES and found[kind.scores or value].name != DETECTIONS:
            found[value] = _tell(network, value, shapes[value], inputs)
    if classes_asked and not any(one.name in (CLASSES, DETECTIONS) for one in found.values()):
        asked = OutputKind(CLASSES, "you ask how many classes stay")
        found.update(
            (value, replace(asked, shape=shape[1:]))
            for value, shape in shapes.items()
            if found[value].name == NUMBERS and holds_scores(shape)
        )
    return {value: found[value] for value in shapes}


def holds_scores(shape: Shape) -> bool:
    """Whether a blob of this shape can hold a score for each class: (N, C), (N, C, 1, 1)."""
    return len(shape) in (2, 4) and shape[1] >= 2 and math.prod(shape[2:]) == 1


def require_outputs(
    network: Network, chosen: Mapping[str, str], task_output: Optional[str] = None
) -> None:
    """See that what is said of outputs speaks of some of the net's, before anything is run.

    Args:
        network: The net.
        chosen: What outputs are, by blob.
        task_output: The output that labels are for.

    Raises:
        VerificationError: The net has no such output, or there is no such kind.
    """
    outputs = [value.blob for value in network.outputs]
    _refuse_unknown(chosen, outputs)
    if task_output is not None:
        _refuse_unknown({task_output: CLASSES}, outputs)


def _refuse_unknown(chosen: Mapping[str, str], outputs: List[str]) -> None:
    for blob, kind in chosen.items():
        if blob not in outputs:
            raise VerificationError(
                f"the net has no output {blob!r}", remedy=f"its outputs are {', '.join(outputs)}"
            )
        if kind not in CHOICES:
            raise VerificationError(
                f"{kind!r} is no kind of output", remedy=f"choose among {', '.join(CHOICES)}"
            )


def _as_chosen(blob: str, shape: Shape, name: str) -> OutputKind:
    """What the user says; of classes, the axis is the second."""
    if name in (CLASSES, SEGMENTATION) and (len(shape) < 2 or shape[1] < 2):
        problem = f"output {blob!r} of shape {shape} has no scores of classes along axis 1"
        raise VerificationError(problem, remedy=Remedy("leave it out of {}", "output_kinds"))
    if name == DETECTIONS and shape[-1:] != (_DETECTION_ROW,):
        problem = f"output {blob!r} of shape {shape} is no list of detections, rows of 7 numbers"
        raise VerificationError(problem, remedy=Remedy("leave it out of {}", "output_kinds"))
    return OutputKind(name, "you say so", shape[1:])


def _of_detector(
    network: Network, detector: Detector, shapes: Mapping[Value, Shape]
) -> Dict[Value, OutputKind]:
    """Scores of boxes that are outputs; what is chosen by a layer is told by that."""
    if detector.layer is not None or detector.scores not in shapes or detector.axis is None:
        return {}
    shape, axis = shapes[detector.scores], detector.axis
    told = f"a Softmax makes it, beside {detector.boxes[0].blob!r}, which is boxes"
    found = {
        detector.scores: OutputKind(
            DETECTIONS, told, shape[1:], axis, background=detector.background
        )
    }
    rest = (*shape[:axis], *shape[axis + 1 :])
    for value, other in shapes.items():
        layer = network.producer(value)
        # Landmarks, as MTCNN's, are as little asked for where there is nothing.
        alike = len(other) == len(shape) and (*other[:axis], *other[axis + 1 :]) == rest
        if value != detector.scores and alike and layer and not layer.layer_type.squashes:
            told = f"it belongs to the scores in {detector.scores.blob!r}"
            found[value] = OutputKind(BOXES, told, other[1:], axis, scores=detector.scores)
    return found


def _tell(
    network: Network, value: Value, shape: Shape, inputs: Mapping[Value, Shape]
) -> OutputKind:
    layer = network.producer(value)
    if layer and layer.layer_type.makes_detections and shape[-1:] == (_DETECTION_ROW,):
        return OutputKind(DETECTIONS, f"a {layer.type} makes it")
    read = _read_by_training(network, value.blob)
    squashed = _scores(network, value, shape)
    if squashed is not None:
        return squashed
    compared = layer_type(read).compares if read else None
    if len(shape) > 1 and shape[1] > 1 and compared is Compared.CLASSES:
        several = math.prod(shape[2:]) > 1
        return OutputKind(SEGMENTATION if several else CLASSES, f"a {read} reads it", shape[1:])
    made = next(_back(network, value))
    if made is not None and made.layer_type.makes_probabilities:
        return OutputKind(PROBABILITIES, f"a {made.type} makes it")
    if made is not None and compared is Compared.PROBABILITIES:
        return OutputKind(PROBABILITIES, str(read))
    if made is not None and made.layer_type.makes_unit_vectors:
        return OutputKind(EMBEDDINGS, f"a {made.type} makes vectors of one length of it")
    if _is_picture(network, value, shape, inputs):
        return OutputKind(
            PICTURE, "convolutions make it, as large as an image and with its channels"
        )
    if len(shape) > 2 and math.prod(shape[2:]) > 1:
        return OutputKind(MAP, "it has places")
    return OutputKind(NUMBERS, "nothing in the net says what they are")


def _back(network: Network, value: Value) -> Iterator[Optional[Layer]]:
    """Yield the first layer, going back from a value, that does more than shape it."""
    layer = network.producer(value)
    while layer is not None and _only_shapes(layer) and layer.bottoms:
        layer = network.producer(layer.bottoms[0])
    yield layer


def _only_shapes(layer: Layer) -> bool:
    return layer.layer_type.is_identity or layer.layer_type.reshapes


def _only_moves(layer: Layer) -> bool:
    return layer.layer_type.permutes or _only_shapes(layer)


def _scores(network: Network, value: Value, shape: Shape) -> Optional[OutputKind]:
    """Classes, if a Softmax or an ArgMax makes them; under whatever shape they are told."""
    path: List[Layer] = []
    layer = network.producer(value)
    while layer is not None and _only_moves(layer) and layer.bottoms:
        path.append(layer)
        layer = network.producer(layer.bottoms[0])
    if layer is None:
        return None
    picked = layer.layer_type.classes_picked(layer)
    if picked is not None:
        many = math.prod(shape[1:]) > picked
        return OutputKind(SEGMENTATION if many else CLASSES, "an ArgMax makes it", indices=True)
    if not layer.layer_type.is_softmax:
        return None
    found = _follow(network, layer, path, shape)
    if found is None:
        return None
    inner, axis = found
    if inner[axis - 1] < 2:
        return None
    places = math.prod(inner) // inner[axis - 1]
    name = SEGMENTATION if places > 1 else CLASSES
    return OutputKind(name, "a Softmax makes it", inner, axis)


def _follow(
    network: Network, softmax: Layer, path: List[Layer], shape: Shape
) -> Optional[Tuple[Shape, int]]:
    """The shape of a sample's scores, and the axis of classes; None where that gets lost."""
    axes = infer_shapes(network).get(softmax.tops[0]) if path else shape
    if not axes:
        return None
    axis = softmax.layer_type.class_axis(softmax, len(axes))
    if not axis:
        return None
    inner = list(axes[1:])
    for number, layer in enumerate(reversed(path)):
        if not layer.layer_type.permutes:
            continue
        order = layer.layer_type.permutation(layer, len(axes))
        shaped = any(one.layer_type.reshapes for one in path[len(path) - number :])
        if order[0] != 0 or shaped:
            return None
        inner, axis = [axes[one] for one in order[1:]], order.index(axis)
        axes = (axes[0], *inner)
    return (tuple(inner), axis) if math.prod(inner) == math.prod(shape[1:]) else None


def _read_by_training(network: Network, blob: str) -> Optional[str]:
    """The type of a layer that reads a blob in another phase, and tells what it is."""
    for text in network.prototxt.layers:
        compared = layer_type(text.type).compares
        if compared not in (None, Compared.VALUES) and blob in text.bottoms[:1]:
            return str(text.type)
    return None


def _is_picture(
    network: Network, value: Value, shape: Shape, inputs: Mapping[Value, Shape]
) -> bool:
    """Whether an output has the channels of an image and keeps the proportions of an input's."""
    if len(shape) != 4 or shape[1] not in _CHANNELS_OF_PICTURES or min(shape[2:]) < 2:
        return False
    if any(layer.layer_type.mixes_places for layer in layers_to(network, [value])):
        return False
    upstream = reached_by(network, [value])
    for name, given in inputs.items():
        if name in upstream and len(given) == 4 and given[1] in _CHANNELS_OF_PICTURES:
            high, wide = shape[2] / given[2], shape[3] / given[3]
            if min(high, wide) >= _IMAGE_SHARE and max(high, wide) <= 1.25 * min(high, wide):
                return True
    return False


def answering_layer(network: Network, value: Value) -> Optional[Layer]:
    """Return the layer that makes an output, whatever shape it is told in; None for an input.

    It is a Softmax where scores of classes are put in another shape behind that.
    """
    layer = network.producer(value)
    while layer is not None and _only_moves(layer) and layer.bottoms:
        layer = network.producer(layer.bottoms[0])
    return layer


def sources_of(network: Network, value: Value) -> Tuple[Value, ...]:
    """Return what an output is told from: scores before a Softmax, boxes before a choice.

    Outputs that are equal say little where these are not: a Softmax may saturate, and a list of
    detections be empty.
    """
    layer = answering_layer(network, value)
    if layer is None:
        return ()
    if layer.layer_type.makes_detections:
        return tuple(one for part in layer.bottoms[:2] for one in _before(network, part))
    if layer.layer_type.squashes or layer.layer_type.picks_classes:
        return tuple(one for one in layer.bottoms[:1] if one not in network.inputs)
    return ()


def _before(network: Network, value: Value) -> Tuple[Value, ...]:
    return sources_of(network, value) or ((value,) if value not in network.inputs else ())
