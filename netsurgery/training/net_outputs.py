"""What the outputs of a net are, and what they are told from."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Tuple

from netsurgery.calibration import input_shapes
from netsurgery.network import Detector, Model, Value, detectors_of, infer_shapes
from netsurgery.quality import BOXES, DETECTIONS, answering_layer, kinds_of


class ClassScores(NamedTuple):
    """Scores of classes before their Softmax.

    Attributes:
        value: The scores.
        axis: The axis of the classes.
        softmax: What the Softmax makes of them, if there is one.
    """

    value: Value
    axis: int
    softmax: Optional[Value] = None


class NetOutputs:
    """A net, its shapes, and what its outputs are."""

    def __init__(self, model: Model, chosen: Mapping[str, str], task_output: Optional[str]) -> None:
        self.network = model.network()
        self.file = model.prototxt.file
        self._shapes = infer_shapes(self.network, weights=model.weights)
        inputs = input_shapes(self.network)
        self._batch = next(iter(inputs.values()))[0]
        self.outputs = {value.blob: value for value in self.network.outputs}
        told = {value: tuple(self._shapes[value] or ()) for value in self.network.outputs}
        fed = {value: inputs[value.blob] for value in self.network.inputs}
        self._chosen = chosen
        named = {blob: kind for blob, kind in chosen.items() if blob in self.outputs}
        task = None if task_output is None else self.outputs.get(task_output)
        self.kinds = kinds_of(self.network, told, fed, labelled=task, chosen=named)
        self._detectors = {
            (one.layer.tops[0] if one.layer else one.scores): one
            for one in detectors_of(self.network, self._shapes)
        }

    def shape(self, value: Value) -> Optional[Tuple[float, ...]]:
        """Return the shape of a value, of axis 0 what belongs to one input; None if not known."""
        shape = self._shapes.get(value)
        return (shape[0] / self._batch, *shape[1:]) if shape else None

    def detector(self, output: Value) -> Optional[Detector]:
        """Return the detector that an output belongs to, if it does."""
        kind = self.kinds[output]
        found = self._detectors.get(kind.scores or output)
        # How long a list of detections is nobody knows, so that its kind need not be told.
        listed = found is not None and found.layer is not None and output.blob not in self._chosen
        return found if listed or kind.name in (DETECTIONS, BOXES) else None

    def scores(self, value: Value) -> ClassScores:
        """Return what classes are told from, before any Softmax."""
        layer = answering_layer(self.network, value)
        if layer is not None and layer.layer_type.picks_classes:
            value = layer.bottoms[0]
            layer = answering_layer(self.network, value)
        if layer is None or not layer.layer_type.is_softmax:
            return ClassScores(value, 1)
        axes = len(self._shapes.get(layer.bottoms[0]) or (0, 0))
        return ClassScores(
            layer.bottoms[0], layer.layer_type.class_axis(layer, axes), layer.tops[0]
        )

    def logits(self, value: Value) -> Optional[Value]:
        """Return what a Sigmoid makes probabilities of; None where none does."""
        layer = answering_layer(self.network, value)
        squashed = layer is not None and layer.layer_type.makes_probabilities
        return layer.bottoms[0] if layer is not None and squashed else None

    def last(self, blob: str) -> Optional[Value]:
        """Return what a blob holds in the end; None where there is no such blob."""
        return next((value for value in reversed(self.network.values) if value.blob == blob), None)
