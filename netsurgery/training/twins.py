"""What a rewritten net is trained by: its training text and its solver, beside the pair."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Mapping, Optional, Set, Tuple

from netsurgery.calibration import samples_are_apart
from netsurgery.errors import PlanError
from netsurgery.formats import Prototxt, SolverText, quoted, render
from netsurgery.network import (
    Model,
    Network,
    Shape,
    Value,
    fresh_name,
    infer_shapes,
    names_taken,
    with_open_batch,
)
from netsurgery.quality import CLASSES, PROBABILITIES, SEGMENTATION, kinds_of, sources_of
from netsurgery.surgery import Surgery, replay
from netsurgery.training.loss_text import accuracy_text, input_text
from netsurgery.training.objectives import LABELS, LabelObjective
from netsurgery.training.solver_settings import twin_of_solver
from netsurgery.training.trunk import shape_of, trunk_of

TRAIN_VAL, SOLVER = "train_val.prototxt", "solver.prototxt"
_BATCH = 64
_CLASSES = (CLASSES, SEGMENTATION)


def write_twins(
    surgery: Surgery, train_val: Optional[Prototxt], solver: Optional[SolverText]
) -> Dict[str, bytes]:
    """Return what the net that surgery made is trained by, as files to write beside it.

    The user's training text is rewritten as the net was. Without one, but with a solver, a text is
    built that ends in the losses that fit the net's outputs. The solver's rate and all that it
    counts in iterations is a tenth.

    Args:
        surgery: What was done to the net.
        train_val: The text that the net was trained by.
        solver: The solver that it was trained by.

    Returns:
        The contents of each file by its name; nothing where neither is given.

    Raises:
        PlanError: The training text cannot be rewritten alike, or none can be built.
        FormatError: Caffe would not take the solver.
    """
    if train_val is None and solver is None:
        return {}
    taken = {*surgery.model.file_names()}
    if train_val is not None:
        name = Path(train_val.file or TRAIN_VAL).name
        found = {name: replay(surgery, train_val).prototxt.data}
    else:
        name = fresh_file(TRAIN_VAL, taken)
        found = {name: training_text(surgery.model)}
    if solver is not None:
        stem = Path(surgery.model.file_names()[-1]).stem
        own = fresh_file(Path(solver.file or SOLVER).name, {*taken, *found})
        found[own] = twin_of_solver(solver, name, stem).data
    return found


def fresh_file(name: str, taken: Set[str]) -> str:
    """Return the name of a file that is not taken: ``train_val_.prototxt``.

    Args:
        name: The name that would be best.
        taken: The names that there are.
    """
    path = Path(name)
    return fresh_name(path.stem, {Path(one).stem for one in taken}) + path.suffix


def training_text(model: Model) -> bytes:
    """Return a text that trains a net: its layers, fed by Input layers, and losses that fit.

    Class scores get a softmax loss, probabilities the cross entropy, all else squares.

    Args:
        model: The net.

    Raises:
        PlanError: A shape of what it makes is not known.
    """
    losses = _fitting(model)
    batch = _batch_of(model, list(losses))
    trunk = trunk_of(model, list(losses), batch)
    network = Network.of(trunk.prototxt, "TRAIN")
    taken = names_taken(network)
    parts, fed = [trunk.prototxt.data], list(trunk.fed)
    for value, (kind, axis) in losses.items():
        blob = trunk.blobs[value]
        text, target = _loss(kind, axis, blob, shape_of(network, blob, model), taken)
        parts.append(text)
        fed.append(target)
    told = render("training_data", {"blobs": ", ".join(map(quoted, fed))})
    return told + b"".join(parts)


def _fitting(model: Model) -> Dict[Value, Tuple[str, int]]:
    """The values that losses read: what each is, and the axis of its classes."""
    network = model.network()
    shapes = infer_shapes(network, weights=model.weights)
    ends = [value for value in network.outputs if not _is_detections(network, value)]
    known = {value: shape for value, shape in shapes.items() if shape is not None}
    found: Dict[Value, Tuple[str, int]] = {}
    for value in network.outputs:
        if value not in ends:
            found.update((read, _kind_of(network, read, known)) for read in _read(network, value))
    lacking = [value.blob for value in (*ends, *found) if value not in known]
    if lacking:
        raise PlanError(
            f"no training text can be built: the shape of {lacking[0]!r} is not known",
            file=network.prototxt.file,
            remedy="give the text that the net was trained by",
        )
    inputs = {value: known[value] for value in network.inputs if value in known}
    kinds = kinds_of(network, {value: known[value] for value in ends}, inputs)
    for output, kind in kinds.items():
        for read in _read(network, output):
            found[read] = _kind_of(network, read, known, kind.name)
    return found


def _is_detections(network: Network, value: Value) -> bool:
    layer = network.producer(value)
    return layer is not None and layer.layer_type.makes_detections


def _read(network: Network, output: Value) -> Tuple[Value, ...]:
    return sources_of(network, output) or (output,)


def _kind_of(
    network: Network, value: Value, shapes: Mapping[Value, Shape], told: str = ""
) -> Tuple[str, int]:
    """What a value is: what a Softmax reads are scores of classes, whatever these are for."""
    for layer in network.consumers(value):
        if layer.layer_type.is_softmax and value in shapes:
            return CLASSES, layer.layer_type.class_axis(layer, len(shapes[value]))
    return told, 1


def _batch_of(model: Model, wanted: List[Value]) -> int:
    network = with_open_batch(model.network())
    shapes = infer_shapes(network, weights=model.weights)
    inputs = {value.blob: shapes[value] or () for value in network.inputs}
    samples = {blob: shape[1:] for blob, shape in inputs.items()}
    if samples_are_apart(network, samples, wanted):
        return _BATCH
    return next((shape[0] for shape in inputs.values() if shape), 1)


def _loss(kind: str, axis: int, blob: str, shape: Shape, taken: Set[str]) -> Tuple[bytes, str]:
    """Layers that hold a blob against what is fed, and the blob that is fed."""
    loss = fresh_name("loss", taken)
    names = {"loss": quoted(loss)}
    if kind not in _CLASSES:
        target = fresh_name(f"{blob}_target", taken)
        template = "loss_teacher_probabilities" if kind == PROBABILITIES else "loss_squares"
        what = "scores" if kind == PROBABILITIES else "values"
        names.update({what: quoted(blob), "target": quoted(target)})
        return input_text(target, shape) + render(template, {**names, "weight": 1}), target
    label = fresh_name("label", taken)
    names.update(scores=quoted(blob), label=quoted(label))
    places = tuple(size for index, size in enumerate(shape) if index != axis)
    labels = places if any(size > 1 for size in places[1:]) else places[:1]
    objective = LabelObjective(LABELS, Value(blob), axis=axis)
    counted, _ = accuracy_text(objective, blob, label, taken)
    return input_text(label, labels) + render(
        "loss_labels", {**names, "weight": 1, "axis": axis}
    ) + counted, label
